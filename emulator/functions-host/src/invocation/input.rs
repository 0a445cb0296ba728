//! What an input binding gives the handler in a call: `Data.<name of the binding>`.

use serde_json::{Map, Value};

use crate::app::input::Input;
use crate::newtonsoft;

/// What the host gives for a row or blob that is not there.
const MISSING: &str = "null";

/// The value of `input` in a call with `body`; `None` for one without rows.
///
/// # Errors
///
/// The body lacks a member that the binding's key needs.
pub(crate) fn value(input: &Input, body: Option<&Value>) -> Result<Option<Value>, String> {
    let Some(rows) = &input.rows else { return Ok(None) };
    // Of a blob's path, such as `devices/{id}.json`, the expression is the key.
    let key = match input.kind.as_str() {
        "blob" => input
            .key
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'))
            .map(|(inner, _)| format!("{{{inner}}}")),
        _ => None,
    };
    let key = resolve(key.as_deref().unwrap_or(&input.key), body)?;
    let partition_key = resolve(&input.partition_key, body)?;
    let Some(row) = rows.get(&key) else { return Ok(Some(MISSING.into())) };
    Ok(Some(match input.kind.as_str() {
        // The text of a blob, as JSON once more.
        "blob" => Value::from(Value::from(Value::from(row.clone()).to_string()).to_string()),
        _ => {
            let mut row: Map<String, Value> = row.clone();
            row.insert("PartitionKey".to_owned(), partition_key.into());
            row.insert("RowKey".to_owned(), key.into());
            row.into()
        }
    }))
}

/// `template` with each `{a.b}` replaced by that member of `body`, by nothing if that is null.
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns#json-payloads>
fn resolve(template: &str, body: Option<&Value>) -> Result<String, String> {
    let (mut resolved, mut rest) = (String::new(), template);
    while let Some((before, (path, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        let member = path.split('.').try_fold(body.unwrap_or(&Value::Null), |value, name| value.get(name));
        let member = member.ok_or_else(|| {
            format!(
                "an input binding needs {{{path}}}: expected a JSON body of announced length with this member"
            )
        })?;
        resolved += before;
        resolved += &newtonsoft::print(member);
        rest = after;
    }
    Ok(resolved + rest)
}
