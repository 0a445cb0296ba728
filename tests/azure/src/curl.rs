//! `curl`: calls the webhook.

use std::io::Read as _;

use crate::answer::{Answer, failed, printed};
use crate::device::webhook;
use crate::model::Azure;

/// The answer to `curl <arguments>`, its configuration on standard input.
pub(crate) fn answer(azure: &mut Azure, arguments: &[String]) -> Answer {
    let expected =
        ["--silent", "--show-error", "--max-time", "60", "--write-out", "\\n%{http_code}", "--config", "-"];
    if arguments != expected {
        return failed(2, format!("curl: expected {expected:?}, found {arguments:?}"));
    }
    let mut configuration = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut configuration) {
        return failed(2, format!("curl: cannot read the configuration: {error}"));
    }
    let option = |name: &str| {
        configuration
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
    };
    let Some(url) = option("url") else { return failed(2, "curl: (2) no URL specified") };
    if option("data") != Some("{}") {
        return failed(2, "curl: expected an empty allocation request as data");
    }

    let first = if azure.webhook_first.is_empty() { None } else { Some(azure.webhook_first.remove(0)) };
    match first.as_deref() {
        Some("refused") => Answer {
            out: "\n000".to_owned(),
            ..failed(7, "curl: (7) Failed to connect to the app: Connection refused")
        },
        Some(other) => printed(format!("\n{other}")),
        None => match webhook(azure, url) {
            400 => printed("Registration ID not provided for the device.\n400"),
            status => printed(format!("\n{status}")),
        },
    }
}
