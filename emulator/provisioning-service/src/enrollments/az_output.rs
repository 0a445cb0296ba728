//! What the Azure CLI writes into the records and hubs that it shows, and the service does not.
//!
//! Older versions of its extension `azure-iot` show objects of their SDK. Each of these has
//! `additionalProperties`, with the members that the SDK does not know. A `TwinCollection` keeps the tags or
//! properties themselves there, beside `count`, `metadata` and `version`:
//! <https://github.com/Azure/azure-iot-cli-extension/pull/752>. Newer ones show the service's records.

use jsonc_parser::ast::{Object, ObjectProp, Value};

/// The objects in a record that are objects of the SDK.
const MODELS: [&[&str]; 9] = [
    &[],
    &["attestation"],
    &["attestation", "symmetricKey"],
    &["capabilities"],
    &["customAllocationDefinition"],
    &["initialTwin"],
    &["initialTwin", "properties"],
    &["registrationState"],
    &["reprovisionPolicy"],
];

/// The objects in a record that are `TwinCollection`s.
const COLLECTIONS: [&[&str]; 3] =
    [&["initialTwin", "properties", "desired"], &["initialTwin", "tags"], &["optionalDeviceInformation"]];

/// Brings the records and hubs of the configuration `root` into the shape of the REST API.
pub(crate) fn normalize(root: &mut Value<'_>) {
    for list in ["linkedHubs", "enrollmentGroups", "individualEnrollments"] {
        let Some(Value::Array(list)) = object(root, &[]).and_then(|root| member(root, list)) else {
            continue;
        };
        for record in &mut list.elements {
            for path in MODELS {
                object(record, path).into_iter().for_each(unfold);
            }
            for path in COLLECTIONS {
                object(record, path).into_iter().for_each(unfold_collection);
            }
        }
    }
}

/// Puts the members of `additionalProperties` in its place.
fn unfold(object: &mut Object<'_>) {
    let Some(nth) = object.properties.iter().position(is_additional) else { return };
    if let Value::Object(unknown) = object.properties.remove(nth).value {
        object.properties.splice(nth..nth, unknown.properties);
    }
}

fn unfold_collection(object: &mut Object<'_>) {
    let known = ["count", "metadata", "version"];
    if object.properties.iter().any(is_additional)
        && object.properties.iter().all(|one| is_additional(one) || known.contains(&one.name.as_str()))
    {
        object.properties.retain(is_additional);
        unfold(object);
    }
    // Of a hub's twin. No tag or property can have such a name.
    object.properties.retain(|one| !["$metadata", "$version"].contains(&one.name.as_str()));
}

fn is_additional(property: &ObjectProp<'_>) -> bool {
    property.name.as_str() == "additionalProperties"
        && matches!(property.value, Value::Object(_) | Value::NullKeyword(_))
}

/// The object at `path` in `value`.
fn object<'v, 't>(value: &'v mut Value<'t>, path: &[&str]) -> Option<&'v mut Object<'t>> {
    let Value::Object(object) = value else { return None };
    match path {
        [] => Some(object),
        [name, rest @ ..] => self::object(member(object, name)?, rest),
    }
}

fn member<'v, 't>(object: &'v mut Object<'t>, name: &str) -> Option<&'v mut Value<'t>> {
    let property = object.properties.iter_mut().find(|property| property.name.as_str() == name)?;
    Some(&mut property.value)
}
