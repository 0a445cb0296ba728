//! `az`: groups, resources, the Function App and its function. Where a sentence of the real tool is known, it is that
//! sentence.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::answer::{Answer, error, failed, result};
use crate::dps;
use crate::model::{Azure, Group, HUB, INSIGHTS, PLAN, Resource, SITE, STORAGE};
use crate::table::Call;

/// What a command gives: a value to be printed, or a failure.
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
        return Err(error(failure.code, failure.says));
    }
    if call.command == "extension add" {
        azure.extensions.push(call.need("--name")?.to_owned());
        return Ok(Value::Null);
    }
    let Some(subscription) = azure.subscription.clone() else {
        return Err(error(1, "Please run 'az login' to setup account."));
    };
    match call.command.as_str() {
        "account show" => Ok(json!({"name": subscription, "state": "Enabled"})),
        "group exists" => Ok(json!(azure.groups.contains_key(call.need("--resource-group")?))),
        "group create" => group_create(azure, call),
        "group show" => group_show(azure, call.need("--resource-group")?),
        "group delete" => group_delete(azure, call),
        "resource list" => resource_list(azure, call),
        "resource show" => Ok(resource(azure, call)?.shown()),
        "resource delete" => resource_delete(azure, call),
        "tag update" => tag_update(azure, call),
        "storage account create" => storage_create(azure, call),
        "functionapp list-flexconsumption-locations" => flex_locations(azure, call),
        "functionapp create" => app_create(azure, call),
        "functionapp deployment source config-zip" => app_publish(azure, call),
        "functionapp function show" => function_show(azure, call),
        "functionapp function keys list" => Ok(json!(keys(azure, call)?)),
        "functionapp function keys set" => key_set(azure, call),
        "functionapp function keys delete" => key_delete(azure, call),
        "rest" => rest(azure, call),
        command if command.starts_with("iot ") => dps::perform(azure, call),
        command => Err(failed(70, format!("the stand-in does not play 'az {command}'"))),
    }
}

// === groups and resources ===

fn group_create(azure: &mut Azure, call: &Call) -> Outcome {
    let (name, location) = (call.need("--resource-group")?, call.need("--location")?);
    if let Some(group) = azure.groups.get(name)
        && group.location != location
    {
        return Err(error(
            1,
            format!(
                "(InvalidResourceGroupLocation) Invalid resource group location '{location}'. The Resource group \
                 already exists in location '{}'.",
                group.location
            ),
        ));
    }
    azure.groups.insert(name.to_owned(), Group { location: location.to_owned(), tags: tags(call) });
    group_show(azure, name)
}

fn group_show(azure: &Azure, name: &str) -> Outcome {
    let group = need_group(azure, name)?;
    let tags = if group.tags.is_empty() { Value::Null } else { json!(group.tags) };
    Ok(json!({"name": name, "location": group.location, "tags": tags}))
}

fn group_delete(azure: &mut Azure, call: &Call) -> Outcome {
    let name = call.need("--resource-group")?.to_owned();
    need_group(azure, &name)?;
    azure.groups.remove(&name);
    for resource in azure.resources.clone().iter().filter(|resource| resource.group == name) {
        forget(azure, &resource.id());
    }
    Ok(Value::Null)
}

fn resource_list(azure: &Azure, call: &Call) -> Outcome {
    let group = call.need("--resource-group")?;
    need_group(azure, group)?;
    Ok(azure.resources.iter().filter(|resource| resource.group == group).map(Resource::shown).collect())
}

fn resource<'a>(azure: &'a Azure, call: &Call) -> Result<&'a Resource, Answer> {
    let group = call.need("--resource-group")?;
    let (kind, name) = (call.need("--resource-type")?, call.need("--name")?);
    need_group(azure, group)?;
    azure.find(kind, name).filter(|resource| resource.group == group).ok_or_else(|| {
        error(
            3,
            format!(
                "(ResourceNotFound) The Resource '{kind}/{name}' under resource group '{group}' was not found. For \
                 more details please go to https://aka.ms/ARMResourceNotFoundFix\nCode: ResourceNotFound"
            ),
        )
    })
}

fn resource_delete(azure: &mut Azure, call: &Call) -> Outcome {
    for id in call.values("--ids") {
        if !azure.resources.iter().any(|resource| resource.id() == *id) {
            return Err(error(3, format!("(ResourceNotFound) The Resource '{id}' was not found.")));
        }
        forget(azure, id);
    }
    Ok(Value::Null)
}

/// Removes a resource and what goes with it.
fn forget(azure: &mut Azure, id: &str) {
    let Some(position) = azure.resources.iter().position(|resource| resource.id() == id) else { return };
    let gone = azure.resources.remove(position);
    if gone.kind == SITE {
        // A plan goes with its last app.
        azure
            .resources
            .retain(|resource| Some(resource.id().as_str()) != gone.properties["serverFarmId"].as_str());
    }
    let of_this = format!("{}/", gone.name);
    azure.enrollment_groups.retain(|name, _| gone.kind != crate::model::DPS || !name.starts_with(&of_this));
    azure.registrations.retain(|name, _| gone.kind != crate::model::DPS || !name.starts_with(&of_this));
}

fn tag_update(azure: &mut Azure, call: &Call) -> Outcome {
    let id = call.need("--resource-id")?;
    let merge = match call.need("--operation")? {
        "Merge" => true,
        "Delete" => false,
        other => {
            return Err(failed(70, format!("the stand-in merges and deletes tags, it does not {other}")));
        }
    };
    let named = tags(call);
    match azure.resources.iter_mut().find(|resource| resource.id() == id) {
        None => Err(error(3, format!("(ResourceNotFound) The Resource '{id}' was not found."))),
        Some(resource) => {
            if merge {
                resource.tags.extend(named);
            } else {
                resource.tags.retain(|name, value| named.get(name) != Some(value));
            }
            Ok(resource.shown())
        }
    }
}

/// Adds a resource, unless somebody in the world has the name: `taken` says so.
pub(crate) fn create(
    azure: &mut Azure,
    call: &Call,
    kind: &str,
    properties: Map<String, Value>,
    taken: &str,
) -> Outcome {
    let (name, group) = (call.need("--name")?.to_owned(), call.need("--resource-group")?.to_owned());
    need_group(azure, &group)?;
    if azure.names_taken.contains(&name) {
        return Err(error(1, taken));
    }
    let resource = Resource { kind: kind.to_owned(), name, group, tags: tags(call), properties };
    let shown = resource.shown();
    azure.resources.push(resource);
    Ok(shown)
}

fn need_group<'a>(azure: &'a Azure, name: &str) -> Result<&'a Group, Answer> {
    azure.groups.get(name).ok_or_else(|| {
        error(3, format!("(ResourceGroupNotFound) Resource group '{name}' could not be found."))
    })
}

fn tags(call: &Call) -> BTreeMap<String, String> {
    let pair = |tag: &String| {
        let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
        (name.to_owned(), value.to_owned())
    };
    call.values("--tags").iter().map(pair).collect()
}

fn storage_create(azure: &mut Azure, call: &Call) -> Outcome {
    let name = call.need("--name")?;
    if azure.find(STORAGE, name).is_some() {
        // az updates an account of one's own.
        return Ok(Value::Null);
    }
    let taken = format!("(StorageAccountAlreadyTaken) The storage account named {name} is already taken.");
    create(azure, call, STORAGE, Map::new(), &taken)
}

// === the Function App ===

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
    let companion = |kind: &str, name: String| Resource {
        kind: kind.to_owned(),
        name,
        group: group.clone(),
        tags: BTreeMap::new(),
        properties: Map::from_iter([("AppId".to_owned(), json!("11111111-2222-3333-4444-555555555555"))]),
    };
    azure.resources.extend([
        plan,
        companion(INSIGHTS, name.clone()),
        companion(
            "microsoft.alertsmanagement/smartDetectorAlertRules",
            format!("Failure Anomalies - {name}"),
        ),
    ]);
    Ok(shown)
}

fn app_publish(azure: &mut Azure, call: &Call) -> Outcome {
    let path = call.need("--src")?;
    let package = std::fs::read(path)
        .map_err(|_| error(1, format!("[Errno 2] No such file or directory: '{path}'")))?;
    if !package.starts_with(b"PK") {
        return Err(error(1, format!("{path} is no zip")));
    }
    publish(azure, call.need("--name")?)
}

/// The function is there from now on, or a little later.
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

/// The function, if the app is published and Azure has taken notice.
fn need_function<'a>(azure: &'a mut Azure, call: &Call) -> Result<&'a mut Resource, Answer> {
    let missing = || error(3, "Operation returned an invalid status 'Not Found'");
    if call.need("--function-name")? != "HttpTrigger1" {
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
    // Azure gives the function's name in lower case here.
    Ok(json!({"name": format!("{app}/HttpTrigger1"),
              "invokeUrlTemplate": format!("https://{app}.azurewebsites.net/api/httptrigger1")}))
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

// === Application Insights ===

fn rest(azure: &mut Azure, call: &Call) -> Outcome {
    let url = call.need("--url")?;
    let documented = "https://api.applicationinsights.io/v1/apps/11111111-2222-3333-4444-555555555555/query";
    if url != documented || call.value("--method") != Some("post") {
        return Err(error(3, format!("Not Found({{\"error\":{{\"message\":\"{url}\"}}}})")));
    }
    if call.value("--resource") != Some("https://api.applicationinsights.io") {
        return Err(error(1, "Unauthorized: wanted a token for https://api.applicationinsights.io"));
    }
    let body: Value = serde_json::from_str(call.need("--body")?)
        .map_err(|parsing| error(1, format!("Bad Request: the body is no JSON: {parsing}")))?;
    let query = body["query"].as_str().unwrap_or_default().to_owned();
    let after = query.split("ingestion_time() > datetime(").nth(1).and_then(|rest| rest.split(')').next());
    let after = after.unwrap_or_default().to_owned();
    let rows: Vec<_> = azure.log_rows.iter().filter(|row| row[0] > after).cloned().collect();
    azure.queries.push(query);
    Ok(json!({"tables": [{"name": "PrimaryResult", "rows": rows}]}))
}

/// The host name of a hub.
pub(crate) fn hub_host_name(azure: &Azure, name: &str) -> Option<String> {
    azure.find(HUB, name).map(|hub| format!("{}.azure-devices.net", hub.name))
}
