//! `az iot hub` and `az iot dps`: hubs, the provisioning service, and its links.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, error, failed};
use crate::az::{Outcome, not_played};
use crate::groups::create;
use crate::model::{Azure, DPS, HUB, Resource};
use crate::table::Call;

/// The outcome of `az iot hub …` or `az iot dps …`.
pub(crate) fn perform(azure: &mut Azure, call: &Call) -> Outcome {
    match call.command.as_str() {
        "iot hub create" => hub_create(azure, call),
        "iot dps create" => dps_create(azure, call),
        "iot dps show" => Ok(dps(azure, call, "--name")?.shown()),
        "iot dps linked-hub create" => link(azure, call),
        "iot dps linked-hub delete" => unlink(azure, call),
        _ => Err(not_played(call)),
    }
}

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

/// The DPS instance that a flag names.
pub(crate) fn dps<'a>(azure: &'a mut Azure, call: &Call, flag: &str) -> Result<&'a mut Resource, Answer> {
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

/// Its linked hubs.
pub(crate) fn linked(dps: &mut Resource) -> &mut Vec<Value> {
    dps.properties["iotHubs"].as_array_mut().expect("a DPS instance has a list of hubs")
}

/// The host name of a hub.
fn hub_host_name(azure: &Azure, name: &str) -> Option<String> {
    azure.find(HUB, name).map(|hub| format!("{}.azure-devices.net", hub.name))
}
