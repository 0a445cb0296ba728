//! `az storage account` and `az functionapp`: the app, its function and the function's keys.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::answer::{Answer, error, failed};
use crate::az::{Outcome, not_played};
use crate::calls::{HALF_WAY, moment_to_kill};
use crate::groups::create;
use crate::model::{Azure, INSIGHTS, PLAN, Resource, SITE, STORAGE};
use crate::table::Call;

/// The outcome of `az storage …` or `az functionapp …`.
pub(crate) fn perform(azure: &mut Azure, call: &Call) -> Outcome {
    match call.command.as_str() {
        "storage account create" => storage_create(azure, call),
        "functionapp list-flexconsumption-locations" => flex_locations(azure, call),
        "functionapp create" => app_create(azure, call),
        "functionapp deployment source config-zip" => app_publish(azure, call),
        "functionapp function show" => function_show(azure, call),
        "functionapp function keys list" => Ok(json!(keys(azure, call)?)),
        "functionapp function keys set" => key_set(azure, call),
        "functionapp function keys delete" => key_delete(azure, call),
        _ => Err(not_played(call)),
    }
}

fn storage_create(azure: &mut Azure, call: &Call) -> Outcome {
    let name = call.need("--name")?;
    if azure.find(STORAGE, name).is_some() {
        // az updates an account that the user has already.
        return Ok(Value::Null);
    }
    let taken = format!("(StorageAccountAlreadyTaken) The storage account named {name} is already taken.");
    create(azure, call, STORAGE, Map::new(), &taken)
}

fn flex_locations(azure: &Azure, call: &Call) -> Outcome {
    if call.value("--runtime").is_some() && call.values("--show-details").is_empty() {
        return Err(error(
            2,
            "--runtime is only valid with --details parameter. Please try again without the --details parameter.",
        ));
    }
    Ok(azure.flex_locations.iter().map(|name| json!({"name": name})).collect())
}

fn app_create(azure: &mut Azure, call: &Call) -> Outcome {
    let name = call.need("--name")?.to_owned();
    let location = call.need("--flexconsumption-location")?;
    if !azure.flex_locations.iter().any(|one| one == location) {
        return Err(error(1, "Location is invalid. Use: az functionapp list-flexconsumption-locations"));
    }
    if call.value("--runtime") == Some("custom")
        && let Some(version) = call.value("--runtime-version")
    {
        return Err(error(
            1,
            format!(
                "Invalid version {version} for runtime custom for function apps on the Flex Consumption plan. Supported versions for runtime custom are ['']"
            ),
        ));
    }
    let (group, storage) = (call.need("--resource-group")?.to_owned(), call.need("--storage-account")?);
    if azure.find(STORAGE, storage).is_none() {
        return Err(error(
            3,
            format!("(ResourceNotFound) The Resource '{STORAGE}/{storage}' was not found."),
        ));
    }
    if azure.find(SITE, &name).is_some() {
        return Err(failed(70, format!("the script creates the app {name} a second time")));
    }
    let plan = Resource {
        kind: PLAN.to_owned(),
        name: format!("ASP-{group}-a1b2"),
        group: group.clone(),
        tags: BTreeMap::new(),
        properties: Map::new(),
    };
    let mut properties = Map::new();
    properties.insert("serverFarmId".to_owned(), json!(plan.id()));
    properties.insert("functionKeys".to_owned(), json!({}));
    let shown = create(
        azure,
        call,
        SITE,
        properties,
        &format!("(Conflict) Website with given name {name} already exists."),
    )?;
    azure.resources.push(plan);
    // az creates the app first, then its Application Insights.
    if moment_to_kill() != HALF_WAY {
        watch(azure, &group, &name);
    }
    Ok(shown)
}

/// The Application Insights of an app, and its alert.
fn watch(azure: &mut Azure, group: &str, name: &str) {
    let companion = |kind: &str, name: String| Resource {
        kind: kind.to_owned(),
        name,
        group: group.to_owned(),
        tags: BTreeMap::new(),
        properties: Map::from_iter([("AppId".to_owned(), json!("11111111-2222-3333-4444-555555555555"))]),
    };
    azure.resources.extend([
        companion(INSIGHTS, name.to_owned()),
        companion(
            "microsoft.alertsmanagement/smartDetectorAlertRules",
            format!("Failure Anomalies - {name}"),
        ),
    ]);
}

fn app_publish(azure: &mut Azure, call: &Call) -> Outcome {
    let path = call.need("--src")?;
    let package = std::fs::read(path)
        .map_err(|_| error(1, format!("[Errno 2] No such file or directory: '{path}'")))?;
    if !package.starts_with(b"PK") {
        return Err(error(1, format!("{path} is not a zip file")));
    }
    publish(azure, call.need("--name")?)
}

/// Adds the app's functions, with a key `default`.
pub(crate) fn publish(azure: &mut Azure, app: &str) -> Outcome {
    let default = azure.make_key("default");
    let site = azure
        .find_mut(SITE, app)
        .ok_or_else(|| error(3, format!("(ResourceNotFound) The Resource '{SITE}/{app}' was not found.")))?;
    site.properties.insert("published".to_owned(), json!(true));
    if let Some(keys) = site.properties["functionKeys"].as_object_mut() {
        keys.entry("default").or_insert_with(|| json!(default));
    }
    Ok(Value::Null)
}

/// The app, if it is published, Azure lists its functions already, and it has this one.
fn need_function<'a>(azure: &'a mut Azure, call: &Call) -> Result<&'a mut Resource, Answer> {
    let missing = || error(3, "Operation returned an invalid status 'Not Found'");
    if !azure.functions.contains_key(call.need("--function-name")?) {
        return Err(missing());
    }
    if azure.function_appears_after > 0 {
        azure.function_appears_after -= 1;
        return Err(missing());
    }
    let site = azure.find_mut(SITE, call.need("--name")?).ok_or_else(missing)?;
    if site.properties.get("published") == Some(&json!(true)) { Ok(site) } else { Err(missing()) }
}

fn function_show(azure: &mut Azure, call: &Call) -> Outcome {
    let app = need_function(azure, call)?.name.clone();
    let function = call.need("--function-name")?;
    Ok(json!({"name": format!("{app}/{function}"),
              "invokeUrlTemplate": format!("https://{app}.azurewebsites.net/{}", azure.functions[function])}))
}

fn keys(azure: &mut Azure, call: &Call) -> Result<Map<String, Value>, Answer> {
    let site = need_function(azure, call)?;
    Ok(site.properties["functionKeys"].as_object().cloned().unwrap_or_default())
}

fn key_set(azure: &mut Azure, call: &Call) -> Outcome {
    let name = call.need("--key-name")?.to_owned();
    let value = match call.value("--key-value") {
        Some(value) => value.to_owned(),
        None => azure.make_key(&name),
    };
    need_function(azure, call)?.properties["functionKeys"][&name] = json!(value);
    Ok(json!({"name": name, "value": null}))
}

fn key_delete(azure: &mut Azure, call: &Call) -> Outcome {
    let name = call.need("--key-name")?.to_owned();
    let site = need_function(azure, call)?;
    match site.properties["functionKeys"].as_object_mut().and_then(|keys| keys.remove(&name)) {
        Some(_) => Ok(Value::Null),
        None => Err(error(3, "Operation returned an invalid status 'Not Found'")),
    }
}
