//! `az`: the signed-in user, failures that a test asked for, and which module answers a command. Where a message of
//! the real tool is known, the stand-in prints that message.

use serde_json::{Value, json};

use crate::answer::{Answer, error, failed, result};
use crate::model::Azure;
use crate::table::Call;
use crate::{app, device, dps, enrollment, groups, insights};

/// The commands that the extension azure-iot adds.
const OF_THE_EXTENSION: [&str; 2] = ["iot dps enrollment-group", "iot device"];

/// The result of a command: a value to print, or a failure.
pub(crate) type Outcome = Result<Value, Answer>;

/// The answer to `az <arguments>`.
pub(crate) fn answer(azure: &mut Azure, arguments: &[String]) -> Answer {
    let call = match Call::parse(arguments) {
        Ok(call) => call,
        Err(refusal) => return refusal,
    };
    match perform(azure, &call) {
        Err(failure) => failure,
        Ok(value) => {
            let query = call.value("--query");
            let mut given = result(&value, query, call.value("--output").unwrap_or("json"));
            if call.values("--only-show-errors").is_empty() && call.command == "functionapp function keys set"
            {
                given.err =
                    "WARNING: Keys have been redacted. Use `az functionapp function keys list` to view.\n"
                        .into();
            }
            given
        }
    }
}

fn perform(azure: &mut Azure, call: &Call) -> Outcome {
    if let Some(failures) = azure.failures.get_mut(&call.command)
        && !failures.is_empty()
    {
        let failure = failures.remove(0);
        let whole = failure.says.contains("ERROR: ");
        return Err(if whole {
            failed(failure.code, failure.says)
        } else {
            error(failure.code, failure.says)
        });
    }
    if call.command == "extension add" {
        azure.extensions.push(call.need("--name")?.to_owned());
        return Ok(Value::Null);
    }
    let Some(subscription) = azure.subscription.clone() else {
        return Err(error(1, "Please run 'az login' to setup account."));
    };
    let command = call.command.as_str();
    let (first, _) = command.split_once(' ').unwrap_or((command, ""));
    match first {
        "account" => Ok(json!({"name": subscription, "state": "Enabled"})),
        "group" | "resource" | "tag" => groups::perform(azure, call),
        "storage" | "functionapp" => app::perform(azure, call),
        "rest" => insights::rest(azure, call),
        "iot" => iot(azure, call),
        _ => Err(not_played(call)),
    }
}

fn iot(azure: &mut Azure, call: &Call) -> Outcome {
    let of_extension = OF_THE_EXTENSION.iter().any(|prefix| call.command.starts_with(prefix));
    if of_extension && !azure.extensions.iter().any(|name| name == "azure-iot") {
        return Err(error(
            2,
            "The command requires the extension azure-iot. Unable to prompt for extension install confirmation as no \
             tty available.",
        ));
    }
    match call.command.as_str() {
        "iot device registration create" | "iot dps enrollment-group registration show" => {
            device::perform(azure, call)
        }
        command if command.starts_with("iot dps enrollment-group") => enrollment::perform(azure, call),
        _ => dps::perform(azure, call),
    }
}

/// The tables have the command but the stand-in does not, because no script uses it.
pub(crate) fn not_played(call: &Call) -> Answer {
    failed(70, format!("the stand-in does not implement 'az {}'", call.command))
}
