//! The app settings: the environment, and the `Values` of local.settings.json.
//! <https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file>

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::app::file::{self, AppError};

pub(crate) type Settings = BTreeMap<String, String>;

/// This process's environment, then the `Values` of `file` where they are not set yet.
pub(crate) fn read(file: &Path) -> Result<Settings, AppError> {
    let mut settings: Settings = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let Some(document) = file::read(file)? else { return Ok(settings) };
    if document["IsEncrypted"] == Value::Bool(true) {
        let problem = "expected plain values, found encrypted ones: run `func settings decrypt`";
        return Err(AppError::new(file, "IsEncrypted", problem));
    }
    let values = match &document["Values"] {
        Value::Null => return Ok(settings),
        Value::Object(values) => values,
        _ => return Err(AppError::new(file, "Values", "expected an object of strings")),
    };
    for (name, value) in values {
        let mistake = |problem: &str| Err(AppError::new(file, &format!("Values.{name}"), problem));
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return mistake("expected a string, a number or a boolean"),
        };
        if name.is_empty() || name.contains(['=', '\0']) || text.contains('\0') {
            return mistake("expected a name and value that an environment variable can have");
        }
        settings.entry(name.clone()).or_insert(text);
    }
    Ok(settings)
}

pub(crate) fn is_on(settings: &Settings, name: &str) -> bool {
    settings.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}
