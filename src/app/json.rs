//! JSON files of an app, read as the host reads them: comments and trailing commas are allowed.

use std::fs;
use std::path::Path;

use jsonc_parser::ParseOptions;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::words;

/// What Newtonsoft.Json, the host's reader, takes beyond JSON.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: true,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: true,
    allow_hexadecimal_numbers: true,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: true,
    allow_non_finite_numbers: true,
    allow_extended_string_escapes: true,
};

/// Reads the file `name` in `root`, which must hold an object.
///
/// # Errors
///
/// A sentence that names the file, and the line and column when it is not JSON.
pub(super) fn read(root: &Path, name: &str) -> Result<Value, String> {
    let bytes = fs::read(root.join(name)).map_err(|error| format!("Cannot read {name}: {error}"))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{name} is not valid UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = jsonc_parser::parse_to_serde_value(text, &OPTIONS)
        .map_err(|error| format!("{name} is invalid JSON: {error}"))?;
    match value {
        Value::Object(_) => Ok(value),
        Value::Array(_) => Err(format!("{name}: expected an object, found an array")),
        other => Err(format!("{name}: expected an object, found {other}")),
    }
}

/// Reads `value`, which is the file `name`, as a `T`.
///
/// # Errors
///
/// A sentence that names the file and the member.
pub(super) fn typed<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let what = words::plain(&error.inner().to_string());
        match error.path().to_string().as_str() {
            "." => format!("{name}: {what}"),
            place => format!("{name}, at {place}: {what}"),
        }
    })
}

/// The member of `value` at `path`, its names in any casing, as .NET's configuration has them.
pub(super) fn member<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| {
        let members = value.as_object()?;
        members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}
