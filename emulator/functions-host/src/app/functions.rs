//! Which functions an app has: a folder each, or the routes of host.json.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use journal::Journal;

use crate::app::file::AppError;
use crate::app::function::{AuthLevel, Function};
use crate::app::host_json::HostJson;
use crate::app::route::Route;

const ROUTES: &str = "customHandler.http.routes";

/// The functions in the folders of the app, by name, or those that are routes of host.json.
pub(crate) fn read(host: &HostJson, journal: &Journal) -> Result<Vec<Function>, AppError> {
    let root = &host.root;
    let entries = fs::read_dir(root).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| AppError::new(root, "", error.to_string()))?;
    let mut files: Vec<PathBuf> = entries.iter().map(|entry| entry.path().join("function.json")).collect();
    files.retain(|file| file.is_file());
    files.sort();
    match (files.first(), host.has(ROUTES)) {
        (None, true) => routes(host),
        (Some(file), true) => {
            let problem =
                "expected no function.json beside the routes of host.json, which define functions too";
            Err(AppError::new(file, "", problem))
        }
        (None, false) => {
            let problem = "no function found; expected a folder with a function.json, such as HttpTrigger1";
            Err(AppError::new(root, "", problem))
        }
        (Some(_), false) => files
            .iter()
            .filter_map(|file| Function::read(file, &host.settings, journal).transpose())
            .collect(),
    }
}

/// The functions that are routes of host.json.
/// <https://github.com/Azure/azure-functions-host/pull/11345>
fn routes(host: &HostJson) -> Result<Vec<Function>, AppError> {
    let runtime = host.settings.get("FUNCTIONS_WORKER_RUNTIME").map(String::as_str).unwrap_or_default();
    if !runtime.eq_ignore_ascii_case("custom") {
        let problem = format!(
            "expected the app setting FUNCTIONS_WORKER_RUNTIME to be custom, as routes need, found {runtime:?}"
        );
        return Err(host.mistake(ROUTES, &problem));
    }
    let level = |path: &str, default| match host.text(path)? {
        None => Ok(default),
        Some(name) => AuthLevel::try_from(name.to_owned()).map_err(|problem| host.mistake(path, &problem)),
    };
    let default = level("customHandler.http.defaultAuthorizationLevel", AuthLevel::Function)?;
    let places = (0..).map(|nth| format!("{ROUTES}.{nth}")).take_while(|place| host.has(place));
    let function = |(nth, place): (usize, String)| {
        let (route, level_path) = (format!("{place}.route"), format!("{place}.authorizationLevel"));
        let parsed = Route::parse(host.text(&route)?.unwrap_or_default());
        let parsed = parsed.map_err(|problem| host.mistake(&route, &problem))?;
        Ok(Function::of_route(nth + 1, parsed, level(&level_path, default)?))
    };
    places.enumerate().map(function).collect()
}

/// Gives the functions' input bindings the rows of the CSV `files`.
pub(crate) fn fill_inputs(
    functions: &mut [Function],
    root: &Path,
    files: &BTreeMap<String, PathBuf>,
    journal: &Journal,
) -> Result<(), AppError> {
    let mut unused = files.clone();
    for Function { name: function, inputs, .. } in functions {
        for input in inputs {
            let name = input.name.clone();
            if let Some(file) = files.get(&name) {
                input.fill(file, &root.join(&function).join("function.json"))?;
                unused.remove(&name);
            } else {
                journal.warn(format!(
                    "{function} is called without its input {name}: no storage account is read here; give it rows with --input {name}=FILE.csv"
                ));
            }
        }
    }
    let Some(name) = unused.keys().next() else { return Ok(()) };
    Err(AppError::new(root, "", format!("no function has an input binding {name:?} to fill")))
}
