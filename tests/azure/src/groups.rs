//! `az group`, `az resource` and `az tag`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::answer::{Answer, error, failed};
use crate::az::{Outcome, not_played};
use crate::model::{Azure, DPS, Group, Resource, SITE};
use crate::table::Call;

/// The outcome of `az group …`, `az resource …` or `az tag …`.
pub(crate) fn perform(azure: &mut Azure, call: &Call) -> Outcome {
    match call.command.as_str() {
        "group exists" => Ok(json!(azure.groups.contains_key(call.need("--resource-group")?))),
        "group create" => group_create(azure, call),
        "group show" => group_show(azure, call.need("--resource-group")?),
        "group delete" => group_delete(azure, call),
        "resource list" => resource_list(azure, call),
        "resource show" => Ok(resource(azure, call)?.shown()),
        "resource delete" => resource_delete(azure, call),
        "tag update" => tag_update(azure, call),
        _ => Err(not_played(call)),
    }
}

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

/// Removes a resource and what Azure deletes with it.
fn forget(azure: &mut Azure, id: &str) {
    let Some(position) = azure.resources.iter().position(|resource| resource.id() == id) else { return };
    let gone = azure.resources.remove(position);
    if gone.kind == SITE {
        // A plan is deleted with its last app.
        azure
            .resources
            .retain(|resource| Some(resource.id().as_str()) != gone.properties["serverFarmId"].as_str());
    }
    let of_this = format!("{}/", gone.name);
    azure.enrollment_groups.retain(|name, _| gone.kind != DPS || !name.starts_with(&of_this));
    azure.registrations.retain(|name, _| gone.kind != DPS || !name.starts_with(&of_this));
}

fn tag_update(azure: &mut Azure, call: &Call) -> Outcome {
    let id = call.need("--resource-id")?;
    let merge = match call.need("--operation")? {
        "Merge" => true,
        "Delete" => false,
        other => {
            return Err(failed(70, format!("the stand-in does not support --operation {other}")));
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

/// Adds a resource, or fails with the message `taken` if somebody else has the name.
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
