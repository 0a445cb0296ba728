//! `az iot dps enrollment-group`.

use serde_json::{Value, json};

use crate::answer::{Answer, error, failed};
use crate::az::{Outcome, not_played};
use crate::dps::{dps, linked};
use crate::model::Azure;
use crate::table::Call;

#[derive(PartialEq)]
enum Writing {
    Create,
    Update,
}

/// The outcome of `az iot dps enrollment-group …`.
pub(crate) fn perform(azure: &mut Azure, call: &Call) -> Outcome {
    match call.command.as_str() {
        "iot dps enrollment-group show" => group_show(azure, call),
        "iot dps enrollment-group create" => group_write(azure, call, Writing::Create),
        "iot dps enrollment-group update" => group_write(azure, call, Writing::Update),
        "iot dps enrollment-group delete" => group_delete(azure, call),
        _ => Err(not_played(call)),
    }
}

fn group_name(azure: &mut Azure, call: &Call) -> Result<String, Answer> {
    let dps = dps(azure, call, "--dps-name")?.name.clone();
    Ok(format!("{dps}/{}", call.need("--enrollment-id")?))
}

fn group_show(azure: &mut Azure, call: &Call) -> Outcome {
    let name = group_name(azure, call)?;
    azure.enrollment_groups.get(&name).cloned().ok_or_else(no_enrollment)
}

/// The service's answer as the extension prints it.
pub(crate) fn no_enrollment() -> Answer {
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
