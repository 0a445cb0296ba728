//! What the Azure CLI writes into the records and hubs that it shows, and the service does not.
//!
//! Older versions of its extension `azure-iot` show objects of their SDK. Each of these has
//! `additionalProperties`, with the members that the SDK does not know. A `TwinCollection` keeps the tags or
//! properties themselves there, beside `count`, `metadata` and `version`:
//! <https://github.com/Azure/azure-iot-cli-extension/pull/752>. Newer ones show the service's records.

use serde_json::{Map, Value};

const ADDITIONAL: &str = "additionalProperties";

/// The objects in a record that are objects of the SDK.
const MODELS: [&str; 9] = [
    "",
    "/attestation",
    "/attestation/symmetricKey",
    "/capabilities",
    "/customAllocationDefinition",
    "/initialTwin",
    "/initialTwin/properties",
    "/registrationState",
    "/reprovisionPolicy",
];

/// The objects in a record that are `TwinCollection`s.
const COLLECTIONS: [&str; 3] =
    ["/initialTwin/properties/desired", "/initialTwin/tags", "/optionalDeviceInformation"];

/// Brings the records and hubs of the configuration `root` into the shape of the REST API.
pub(crate) fn normalize(root: &mut Value) {
    for list in ["linkedHubs", "enrollmentGroups", "individualEnrollments"] {
        for record in root.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
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
fn unfold(object: &mut Map<String, Value>) {
    if object.get(ADDITIONAL).is_some_and(|unknown| unknown.is_object() || unknown.is_null())
        && let Some(Value::Object(unknown)) = object.shift_remove(ADDITIONAL)
    {
        object.extend(unknown);
    }
}

fn unfold_collection(object: &mut Map<String, Value>) {
    let of_the_sdk = |name: &String| [ADDITIONAL, "count", "metadata", "version"].contains(&name.as_str());
    if object.contains_key(ADDITIONAL) && object.keys().all(of_the_sdk) {
        object.retain(|name, _| name == ADDITIONAL);
        unfold(object);
    }
    // Of a hub's twin. No tag or property can have such a name.
    object.retain(|name, _| !["$metadata", "$version"].contains(&name.as_str()));
}

fn object<'v>(record: &'v mut Value, path: &str) -> Option<&'v mut Map<String, Value>> {
    record.pointer_mut(path)?.as_object_mut()
}
