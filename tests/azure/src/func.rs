//! `func`: publishing, and opening Live Metrics.

use crate::answer::{Answer, failed, printed};
use crate::app::publish;
use crate::model::{Azure, SITE};

/// The answer to `func <arguments>`.
pub(crate) fn answer(azure: &mut Azure, arguments: &[String]) -> Answer {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["azure", "functionapp", "publish", app, flags @ ..] => {
            if let Some(unknown) = flags.iter().find(|flag| !["--custom", "--no-build"].contains(flag)) {
                return failed(1, format!("the stand-in does not support func's option {unknown}"));
            }
            if !flags.contains(&"--custom") {
                return failed(1, "Worker runtime cannot be 'None'. Please set a valid runtime.");
            }
            publish_folder(azure, app)
        }
        ["azure", "functionapp", "logstream", app, flags @ ..] => {
            if azure.find(SITE, app).is_none() {
                return failed(1, format!("Can't find app with name \"{app}\""));
            }
            if flags != ["--browser"] {
                return failed(
                    1,
                    "Log stream is not currently supported in Linux Consumption and Flex Apps. Please use --browser to \
                     open Azure Application Insights Live Stream in the Azure portal.",
                );
            }
            printed("Retrieving Application Insights information...\nLaunching web browser...\n")
        }
        _ => failed(1, format!("the stand-in does not implement 'func {}'", words.join(" "))),
    }
}

fn publish_folder(azure: &mut Azure, app: &str) -> Answer {
    let functions = azure.functions.keys().map(|function| format!("{function}/function.json"));
    for file in ["host.json", "handler"].map(str::to_owned).into_iter().chain(functions) {
        if !std::path::Path::new(&file).is_file() {
            return failed(1, format!("func publishes the current folder, which has no {file}"));
        }
    }
    match publish(azure, app) {
        Ok(_) => printed("Upload completed successfully.\n"),
        Err(_) => failed(1, format!("Can't find app with name \"{app}\"")),
    }
}
