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
    let none = Value::Null;
    let properties = twin.get("properties").unwrap_or(&none);
    for (name, object, known) in [
        ("the initial twin", &twin, Some("tags and properties")),
        ("tags", twin.get("tags").unwrap_or(&none), None),
        ("properties", properties, Some("desired")),
        ("properties.desired", properties.get("desired").unwrap_or(&none), None),
    ] {
        match (object, known) {
            (Value::Object(members), Some(known)) => {
                if members.keys().any(|member| !known.split(" and ").any(|name| name == member)) {
                    found.push(format!("{name} has unknown members; expected {known}"));
                }
            }
            (Value::Object(_), None) => {}
            (Value::Null, _) if name != "the initial twin" => {}
            _ => found.push(format!("expected an object as {name}")),
        }
    }
    found
}
