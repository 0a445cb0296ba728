//! The initial twin: the tags and desired properties that a device begins with in its hub.

use serde_json::Value;
use serde_json::value::RawValue;

/// What in `twin` is not as in a hub's twin, one sentence for each; none for a valid twin.
///
/// A twin is `{"tags": {…}, "properties": {"desired": {…}}}`, all of it optional:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-response>.
/// Members of a *device* twin in it, or `Desired`, have misled people before:
/// <https://github.com/Azure/azure-iot-sdk-node/issues/893>.
pub(crate) fn problems(twin: &RawValue) -> Vec<String> {
    let Ok(twin) = serde_json::from_str::<Value>(twin.get()) else {
        return vec!["it is nested too deeply, or has a number too large".to_owned()];
    };
    let mut found = Vec::new();
    members(&twin, "the initial twin", &["tags", "properties"], &mut found);
    for (name, object) in [("tags", twin.get("tags")), ("properties", twin.get("properties"))] {
        match object {
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => found.push(format!("expected an object as {name}")),
        }
    }
    if let Some(properties @ Value::Object(_)) = twin.get("properties") {
        members(properties, "properties", &["desired"], &mut found);
        match properties.get("desired") {
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => found.push("expected an object as properties.desired".to_owned()),
        }
    }
    found
}

/// Notes that `value` is not an object, or has members other than `known`.
fn members(value: &Value, name: &str, known: &[&str], found: &mut Vec<String>) {
    let Value::Object(object) = value else {
        found.push(format!("expected an object as {name}"));
        return;
    };
    if object.keys().any(|member| !known.contains(&member.as_str())) {
        found.push(format!("{name} has unknown members; expected {}", known.join(" and ")));
    }
}
