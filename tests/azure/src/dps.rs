//! `az iot`: hubs, the provisioning service, its enrollment groups, and a device that registers.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, error, failed};
use crate::az::{Outcome, create, hub_host_name};
use crate::model::{Azure, DPS, HUB, Resource, SITE};
use crate::table::Call;

/// The commands that the extension azure-iot adds.
const OF_THE_EXTENSION: [&str; 2] = ["iot dps enrollment-group", "iot device"];

/// The outcome of `az iot …`.
pub(crate) fn perform(azure: &mut Azure, call: &Call) -> Outcome {
    let of_extension = OF_THE_EXTENSION.iter().any(|prefix| call.command.starts_with(prefix));
    if of_extension && !azure.extensions.iter().any(|name| name == "azure-iot") {
        return Err(error(
            2,
            "The command requires the extension azure-iot. Unable to prompt for extension install confirmation as no \
             tty available.",
        ));
    }
    match call.command.as_str() {
        "iot hub create" => hub_create(azure, call),
        "iot dps create" => dps_create(azure, call),
        "iot dps show" => Ok(dps(azure, call, "--name")?.shown()),
        "iot dps linked-hub create" => link(azure, call),
        "iot dps linked-hub delete" => unlink(azure, call),
        "iot dps enrollment-group show" => group_show(azure, call),
        "iot dps enrollment-group create" => group_write(azure, call, Writing::Create),
        "iot dps enrollment-group update" => group_write(azure, call, Writing::Update),
        "iot dps enrollment-group delete" => group_delete(azure, call),
        "iot device registration create" => register(azure, call),
        "iot dps enrollment-group registration show" => registration_show(azure, call),
        command => Err(failed(70, format!("the stand-in does not play 'az {command}'"))),
    }
}

// === hubs and the service ===

fn hub_create(azure: &mut Azure, call: &Call) -> Outcome {
    let name = call.need("--name")?;
    if azure.find(HUB, name).is_some() {
        return Err(failed(70, format!("the script creates the hub {name} a second time")));
    }
    let free = |hub: &&Resource| hub.kind == HUB && hub.properties["sku"] == "F1";
    if call.value("--sku") == Some("F1") && azure.resources.iter().any(|hub| free(&hub)) {
        return Err(error(1, "(400021) Max number of Iot Hubs exceeded for sku = Free, Max allowed = 1."));
    }
    let properties = Map::from_iter([("sku".to_owned(), json!(call.value("--sku")))]);
    // The wording of this refusal is the stand-in's own.
    let taken = format!("The IoT hub name '{name}' is not available.");
    create(azure, call, HUB, properties, &taken)
}

fn dps_create(azure: &mut Azure, call: &Call) -> Outcome {
    let name = call.need("--name")?;
    if azure.find(DPS, name).is_some() {
        return Err(failed(70, format!("the script creates the DPS instance {name} a second time")));
    }
    let properties =
        Map::from_iter([("idScope".to_owned(), json!("0ne00001098")), ("iotHubs".to_owned(), json!([]))]);
    // The wording of this refusal is the stand-in's own.
    let taken = format!("The name '{name}' is not available.");
    create(azure, call, DPS, properties, &taken)
}

fn dps<'a>(azure: &'a mut Azure, call: &Call, flag: &str) -> Result<&'a mut Resource, Answer> {
    let name = call.need(flag)?;
    azure
        .find_mut(DPS, name)
        .ok_or_else(|| error(3, format!("(ResourceNotFound) The Resource '{DPS}/{name}' was not found.")))
}

fn link(azure: &mut Azure, call: &Call) -> Outcome {
    let hub = call.need("--hub-name")?;
    let Some(host_name) = hub_host_name(azure, hub) else {
        return Err(error(3, format!("No IoT Hub found with name {hub}.")));
    };
    let hubs = linked(dps(azure, call, "--dps-name")?);
    if hubs.iter().any(|linked| linked["name"] == host_name) {
        return Err(failed(70, format!("the script links {hub} a second time")));
    }
    hubs.push(json!({"name": host_name, "connectionString": "HostName=…;SharedAccessKey=****"}));
    Ok(Value::Null)
}

fn unlink(azure: &mut Azure, call: &Call) -> Outcome {
    let hub = call.need("--linked-hub")?;
    let hubs = linked(dps(azure, call, "--dps-name")?);
    let before = hubs.len();
    hubs.retain(|linked| linked["name"] != hub);
    if hubs.len() == before {
        return Err(error(3, format!("Linked hub {hub} doesn't exist.")));
    }
    Ok(Value::Null)
}

fn linked(dps: &mut Resource) -> &mut Vec<Value> {
    dps.properties["iotHubs"].as_array_mut().expect("a DPS instance has a list of hubs")
}

// === enrollment groups ===

#[derive(PartialEq)]
enum Writing {
    Create,
    Update,
}

fn group_name(azure: &mut Azure, call: &Call) -> Result<String, Answer> {
    let dps = dps(azure, call, "--dps-name")?.name.clone();
    Ok(format!("{dps}/{}", call.need("--enrollment-id")?))
}

fn group_show(azure: &mut Azure, call: &Call) -> Outcome {
    let name = group_name(azure, call)?;
    azure.enrollment_groups.get(&name).cloned().ok_or_else(no_enrollment)
}

/// As the extension prints the service's answer.
fn no_enrollment() -> Answer {
    error(
        1,
        "{'errorCode': 404201, 'trackingId': '00000000-0000-0000-0000-000000000000', 'message': 'Enrollment not \
         found.', 'timestampUtc': '2026-01-01T00:00:00.0000000Z'}",
    )
}

fn group_write(azure: &mut Azure, call: &Call, writing: Writing) -> Outcome {
    let name = group_name(azure, call)?;
    let mut group = match (azure.enrollment_groups.get(&name), writing == Writing::Create) {
        (None, false) => return Err(no_enrollment()),
        (Some(_), true) => return Err(failed(70, format!("the script creates {name} a second time"))),
        (Some(group), false) => group.clone(),
        (None, true) => json!({"enrollmentGroupId": call.need("--enrollment-id")?,
                               "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "SECRETgroup"}}}),
    };
    if let Some(policy) = call.value("--allocation-policy") {
        group["allocationPolicy"] = json!(policy);
    }
    let (url, version) = (call.value("--webhook-url"), call.value("--api-version"));
    if group["allocationPolicy"] != "custom" && (url.is_some() || version.is_some()) {
        return Err(error(
            2,
            "Please provide allocation policy as custom to use webhook url and api version.",
        ));
    }
    if group["allocationPolicy"] == "custom" {
        let definition = &mut group["customAllocationDefinition"];
        for (member, value) in [("webhookUrl", url), ("apiVersion", version)] {
            if let Some(value) = value {
                definition[member] = json!(value);
            } else if definition[member].is_null() {
                return Err(error(
                    2,
                    "Please provide both the Azure function webhook url and provisioning service api-version when the allocation-policy is defined as Custom.",
                ));
            }
        }
    }
    if !call.values("--iot-hubs").is_empty() {
        let linked = linked(dps(azure, call, "--dps-name")?);
        for hub in call.values("--iot-hubs") {
            if !linked.iter().any(|linked| linked["name"] == *hub) {
                return Err(error(
                    1,
                    format!("{{'errorCode': 400004, 'message': 'IotHub {hub} is not linked.'}}"),
                ));
            }
        }
        group["iotHubs"] = json!(call.values("--iot-hubs"));
    }
    azure.enrollment_groups.insert(name, group.clone());
    Ok(group)
}

fn group_delete(azure: &mut Azure, call: &Call) -> Outcome {
    let name = group_name(azure, call)?;
    azure.enrollment_groups.remove(&name).map(|_| Value::Null).ok_or_else(no_enrollment)
}

// === a device ===

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
            // What azure-iot 0.25 makes of it: the reason is lost.
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

/// What DPS makes of the function's answer:
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
    let app = address
        .strip_prefix("https://")
        .and_then(|rest| rest.split_once(".azurewebsites.net/api/httptrigger1"));
    let Some(site) = app.and_then(|(app, _)| azure.find(SITE, app)) else { return 404 };
    if site.properties.get("published") != Some(&json!(true)) {
        return 404;
    }
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code=")).unwrap_or_default();
    // A form decoder turns + into a space, so a key whose + was not encoded is another key.
    let key = percent_decode_str(&code.replace('+', " ")).decode_utf8_lossy().into_owned();
    let keys = site.properties["functionKeys"].as_object();
    if keys.is_some_and(|keys| keys.values().any(|value| *value == key)) { 400 } else { 401 }
}

fn registration_show(azure: &mut Azure, call: &Call) -> Outcome {
    let dps_name = dps(azure, call, "--dps-name")?.name.clone();
    let id = call.need("--registration-id")?;
    azure.registrations.get(&format!("{dps_name}/{id}")).cloned().ok_or_else(no_enrollment)
}
