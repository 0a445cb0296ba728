//! The app's functions: the folders that the Functions host finds at its start.

use std::error::Error;
use std::path::Path;

use serde_json::Value;

/// The file that makes a folder of the app a function.
pub(crate) const FILE: &str = "function.json";

/// The names of the functions of the app in this folder, sorted.
///
/// An app without any is refused, unless its `host.json` lists routes instead
/// (<https://github.com/Azure/azure-functions-host/issues/11345>), and so is a name that the host would not load
/// (<https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Utility.cs>).
pub(crate) fn of(app: &Path, host: &Value) -> Result<Vec<String>, Box<dyn Error>> {
    let cannot_read = |error| format!("cannot read {}: {error}", app.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(app).map_err(cannot_read)? {
        let entry = entry.map_err(cannot_read)?;
        if !entry.path().join(FILE).is_file() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_valid(&name) {
            return Err(format!(
                "{}: expected a function's name, a letter and then up to 127 letters, digits, - and _, found {name:?}",
                app.display()
            )
            .into());
        }
        names.push(name);
    }
    if names.is_empty() && host.pointer("/customHandler/http/routes").is_none() {
        return Err(
            format!("{}: expected at least one folder with a {FILE}, found none", app.display()).into()
        );
    }
    names.sort();
    Ok(names)
}

fn is_valid(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
}
