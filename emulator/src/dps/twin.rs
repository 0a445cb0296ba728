//! The initial twin: the tags and desired properties that a device begins with in its hub.

use serde_json::Value;
use serde_json::value::RawValue;

/// What in `twin` the hub would not understand, one sentence for each; none for a good twin.
///
/// A twin is `{"tags": {…}, "properties": {"desired": {…}}}`, all of it optional:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-response>.
/// Members of a *device* twin in it, or `Desired`, have misled people before:
/// <https://github.com/Azure/azure-iot-sdk-node/issues/893>.
pub(crate) fn oddities(twin: &RawValue) -> Vec<String> {
    let Ok(twin) = serde_json::from_str::<Value>(twin.get()) else {
        return vec!["it is nested too deeply, or has a number too large".to_owned()];
    };
    let mut found = Vec::new();
    members(&twin, "the initial twin", &["tags", "properties"], &mut found);
    for (name, object) in [("tags", twin.get("tags")), ("properties", twin.get("properties"))] {
        match object {
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => found.push(format!("{name} has to be an object")),
        }
    }
    if let Some(properties @ Value::Object(_)) = twin.get("properties") {
        members(properties, "properties", &["desired"], &mut found);
        match properties.get("desired") {
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => found.push("properties.desired has to be an object".to_owned()),
        }
    }
    found
}

/// Notes that `value` is no object, or has members other than `known`.
fn members(value: &Value, name: &str, known: &[&str], found: &mut Vec<String>) {
    let Value::Object(object) = value else {
        found.push(format!("{name} has to be an object"));
        return;
    };
    if object.keys().any(|member| !known.contains(&member.as_str())) {
        found.push(format!("{name} may have {} and no other member", known.join(" and ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twin_has_tags_and_desired_properties() {
        let table: &[(&str, &[&str])] = &[
            ("{}", &[]),
            (r#"{"tags":{"a":1},"properties":{"desired":{"b":[]}}}"#, &[]),
            (r#"{"tags":null,"properties":null}"#, &[]),
            ("[]", &["the initial twin has to be an object"]),
            (r#"{"properties":{"Desired":{}}}"#, &["properties may have desired and no other member"]),
            (
                r#"{"authenticationType":"x","tags":[],"properties":{"desired":"s"}}"#,
                &[
                    "the initial twin may have tags and properties and no other member",
                    "tags has to be an object",
                    "properties.desired has to be an object",
                ],
            ),
        ];
        for (twin, wanted) in table {
            let raw: &RawValue = serde_json::from_str(twin).unwrap();
            assert_eq!(oddities(raw), *wanted, "{twin}");
        }
    }
}
