//! What an input binding gives the handler in a call: `Data.<name of the binding>`.

use serde_json::Value;

use crate::app::input::{Input, Kind};
use crate::newtonsoft;

/// The value of `input` in a call with `body`; `None` for one without rows.
pub(crate) fn value(input: &Input, body: Option<&Value>) -> Result<Option<Value>, String> {
    let Some(rows) = &input.rows else { return Ok(None) };
    let (key, partition_key) = (resolve(&input.key, body)?, resolve(&input.partition_key, body)?);
    let Some(mut row) = rows.get(&key).cloned() else { return Ok(Some("null".into())) };
    if input.kind == Kind::Blob {
        // The text of a blob, as JSON once more.
        return Ok(Some(Value::from(Value::from(row).to_string()).to_string().into()));
    }
    row.insert("PartitionKey".to_owned(), partition_key.into());
    row.insert("RowKey".to_owned(), key.into());
    Ok(Some(row.into()))
}

/// `template` with each `{a.b}` replaced by that member of `body`, by nothing if that is null.
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns#json-payloads>
fn resolve(template: &str, body: Option<&Value>) -> Result<String, String> {
    let (mut resolved, mut rest) = (String::new(), template);
    while let Some((before, (path, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        let member = path.split('.').try_fold(body.unwrap_or(&Value::Null), |value, name| value.get(name));
        let Some(member) = member else {
            return Err(format!("an input binding needs {{{path}}}: expected a JSON body with this member"));
        };
        resolved += before;
        resolved += &newtonsoft::print(member);
        rest = after;
    }
    Ok(resolved + rest)
}
