//! `az iot device`: a device that registers, and how DPS reads the function's answer.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::answer::error;
use crate::az::{Outcome, not_played};
use crate::dps::dps;
use crate::enrollment::no_enrollment;
use crate::model::{Azure, SITE};
use crate::table::Call;

/// The outcome of a registration, or of looking one up.
pub(crate) fn perform(azure: &mut Azure, call: &Call) -> Outcome {
    match call.command.as_str() {
        "iot device registration create" => register(azure, call),
        "iot dps enrollment-group registration show" => registration_show(azure, call),
        _ => Err(not_played(call)),
    }
}

fn register(azure: &mut Azure, call: &Call) -> Outcome {
    let dps_name = dps(azure, call, "--dps-name")?.name.clone();
    let (id, group) = (call.need("--registration-id")?, call.need("--enrollment-group-id")?);
    let enrollment =
        azure.enrollment_groups.get(&format!("{dps_name}/{group}")).cloned().ok_or_else(no_enrollment)?;
    if let Some(payload) = call.value("--payload")
        && !serde_json::from_str::<Value>(payload).is_ok_and(|payload| payload.is_object())
    {
        return Err(error(2, "--payload must be a JSON object or a path to a JSON file."));
    }

    let verdict = allocate(azure, &enrollment, id);
    let mut state = json!({"registrationId": id, "createdDateTimeUtc": "2026-01-01T00:00:00.0000000Z",
                           "lastUpdatedDateTimeUtc": "2026-01-01T00:00:01.0000000Z"});
    let failure = match verdict {
        Ok(hub) => {
            state["status"] = json!("assigned");
            state["substatus"] = json!("initialAssignment");
            state["assignedHub"] = json!(hub);
            state["deviceId"] = json!(id);
            None
        }
        Err((code, message)) => {
            state["status"] = json!("failed");
            state["errorCode"] = json!(code);
            state["errorMessage"] = json!(message);
            // azure-iot 0.25 does not print the reason.
            Some(error(
                1,
                "Registration failed. See registration status with `az iot dps enrollment-group registration show`.",
            ))
        }
    };
    azure.registrations.insert(format!("{dps_name}/{id}"), state.clone());
    match failure {
        Some(failure) => Err(failure),
        None => Ok(json!({"operationId": "4.0000", "status": "assigned", "registrationState": state})),
    }
}

/// The hub, or DPS's error code and message, by the function's answer:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation>.
fn allocate(azure: &Azure, enrollment: &Value, id: &str) -> Result<String, (u32, String)> {
    let failed = |status: &str| (400_207, format!("Custom allocation failed with status code: {status}"));
    match azure.webhook_for_dps.get(id).map(String::as_str) {
        Some("no hub") => return Err((400_208, "Custom allocation did not specify an IoT hub.".to_owned())),
        Some(status) => return Err(failed(status)),
        None => {}
    }
    let url = enrollment["customAllocationDefinition"]["webhookUrl"].as_str().unwrap_or_default();
    match webhook(azure, url) {
        400 if id.contains("contoso-toaster") => match enrollment["iotHubs"][0].as_str() {
            Some(hub) => Ok(hub.to_owned()),
            None => Err(failed("400")),
        },
        401 => Err((400_209, "Custom allocation failed with unauthorized access.".to_owned())),
        status => Err(failed(&status.to_string())),
    }
}

/// The status with which the webhook at this URL answers an empty request: 400 is the function's own.
pub(crate) fn webhook(azure: &Azure, url: &str) -> u16 {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let app = address.strip_prefix("https://").and_then(|rest| rest.split_once(".azurewebsites.net/"));
    let Some((app, path)) = app else { return 404 };
    let Some(site) = azure.find(SITE, app) else { return 404 };
    if site.properties.get("published") != Some(&json!(true))
        || !azure.functions.values().any(|own| own == path)
    {
        return 404;
    }
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code=")).unwrap_or_default();
    // A form decoder turns + into a space: a key whose + was not encoded does not match.
    let key = percent_decode_str(&code.replace('+', " ")).decode_utf8_lossy().into_owned();
    let keys = site.properties["functionKeys"].as_object();
    if keys.is_some_and(|keys| keys.values().any(|value| *value == key)) { 400 } else { 401 }
}

fn registration_show(azure: &mut Azure, call: &Call) -> Outcome {
    let dps_name = dps(azure, call, "--dps-name")?.name.clone();
    let id = call.need("--registration-id")?;
    azure.registrations.get(&format!("{dps_name}/{id}")).cloned().ok_or_else(no_enrollment)
}
