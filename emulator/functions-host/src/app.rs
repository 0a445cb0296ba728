//! The app's folder, read as the host reads it: host.json, local.settings.json, every `*/function.json`.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#application-structure>

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::configuration::Configuration;
use super::function::{self, Function};
use super::launch::Launch;
use super::options::HostOptions;
use crate::json_text::without_comments;
use journal::Journal;

/// An app: its functions, and how to run the handler that they share.
#[derive(Debug)]
pub(super) struct App {
    /// Its functions, by name.
    pub functions: Vec<Function>,
    /// What precedes every route, without slashes; usually `api`, possibly empty.
    pub route_prefix: String,
    /// How calls reach the handler.
    pub mode: Mode,
    /// How the handler is started.
    pub launch: Launch,
    /// Whether a line on the handler's stderr is an error unless it says otherwise.
    pub stderr_is_errors: bool,
    /// How long one call may take.
    pub function_timeout: Duration,
    /// How long the handler may take to its first answer.
    pub initialization_timeout: Duration,
}

/// How calls reach the handler. Functions with other bindings than one HTTP trigger and one HTTP output
/// always take the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// As a JSON document that describes the call; the reply is one that describes the answer.
    Envelope,
    /// As a copy of the caller's request (`enableForwardingHttpRequest`).
    Forwarding,
    /// As the caller's request itself, streamed (`enableProxyingHttpRequest`).
    Proxying,
}

/// A mistake in the app's folder: in which file, where in it, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppError {
    file: PathBuf,
    place: String,
    problem: String,
}

impl App {
    /// Reads the folder that `options` names. Functions that the stand-in cannot serve are left out with a
    /// warning in the `journal`.
    ///
    /// # Errors
    ///
    /// The first mistake in any of the files.
    pub(super) fn read(options: &HostOptions, journal: &Journal) -> Result<Self, AppError> {
        let root = std::path::absolute(&options.app).unwrap_or_else(|_| options.app.clone());
        let environment = environment(&root.join("local.settings.json"))?;
        let host = host_json(&root.join("host.json"), &environment)?;
        let functions = functions(&root, &environment, journal)?;

        let forwarding = host.flag("customHandler.enableForwardingHttpRequest")?.unwrap_or(false);
        let proxying = host.flag("customHandler.enableProxyingHttpRequest")?.unwrap_or(false);
        let prefix = match host.has("extensions.http.routePrefix") {
            true => host.text("extensions.http.routePrefix")?.unwrap_or("").trim_matches('/'),
            false => "api",
        };
        let timeout = |option: Option<Duration>, path: &str, otherwise: u64| match option {
            Some(timeout) => Ok(timeout),
            None => Ok(host.duration(path)?.unwrap_or(Duration::from_secs(otherwise))),
        };
        Ok(Self {
            functions,
            route_prefix: prefix.to_owned(),
            mode: match (proxying, forwarding) {
                (true, _) => Mode::Proxying,
                (false, true) => Mode::Forwarding,
                (false, false) => Mode::Envelope,
            },
            stderr_is_errors: host
                .flag("customHandler.description.useStdErrorStreamForErrorsOnly")?
                .unwrap_or(true),
            function_timeout: timeout(options.function_timeout, "functionTimeout", 30 * 60)?,
            initialization_timeout: timeout(
                options.initialization_timeout,
                "customHandler.initializationTimeout",
                30,
            )?,
            launch: Launch::read(&host, &root, environment, &options.executable)?,
        })
    }
}

impl AppError {
    /// The `problem` at `place` (empty for the file as a whole) in `file`.
    pub(super) fn new(file: &Path, place: &str, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: place.to_owned(), problem: problem.into() }
    }
}

/// Reads `file` as JSON of type `T`, or `None` where there is no such file.
pub(super) fn read_json<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, AppError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AppError::new(file, "", error.to_string())),
    };
    // The host's JSON reader takes comments, and Windows editors put a byte order mark first.
    let text = without_comments(&text);
    let json = &mut serde_json::Deserializer::from_str(&text);
    let value = serde_path_to_error::deserialize(&mut *json).map_err(|error| {
        // Invalid JSON has a line and a column; a member in it would be a guess.
        let place = error.path().to_string();
        let place = if error.inner().is_data() && place != "." { place } else { String::new() };
        AppError::new(file, &place, error.into_inner().to_string())
    })?;
    json.end().map_err(|error| AppError::new(file, "", error.to_string()))?;
    Ok(Some(value))
}

/// The environment of the host: this process's own, then the `Values` of local.settings.json where they are
/// not set yet. <https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file>
fn environment(file: &Path) -> Result<BTreeMap<String, String>, AppError> {
    let mut environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let Some(settings) = read_json::<Value>(file)? else { return Ok(environment) };
    if settings["IsEncrypted"] == Value::Bool(true) {
        let problem = "expected plain values, found encrypted ones: run `func settings decrypt`";
        return Err(AppError::new(file, "IsEncrypted", problem));
    }
    let values = match &settings["Values"] {
        Value::Null => return Ok(environment),
        Value::Object(values) => values,
        _ => return Err(AppError::new(file, "Values", "expected an object of strings")),
    };
    for (name, value) in values {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => {
                return Err(AppError::new(
                    file,
                    &format!("Values.{name}"),
                    "expected a string, a number or a boolean",
                ));
            }
        };
        if name.is_empty() || name.contains(['=', '\0']) || text.contains('\0') {
            let problem = "expected a name and value that an environment variable can have";
            return Err(AppError::new(file, &format!("Values.{name}"), problem));
        }
        environment.entry(name.clone()).or_insert(text);
    }
    Ok(environment)
}

/// host.json, after the settings in `environment` that override it.
fn host_json(file: &Path, environment: &BTreeMap<String, String>) -> Result<Configuration, AppError> {
    let document: Value = read_json(file)?
        .ok_or_else(|| AppError::new(file, "", "no such file; expected the folder of a Functions app"))?;
    if !document.is_object() {
        return Err(AppError::new(file, "", "expected a JSON object"));
    }
    let settings = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let host = Configuration::new(file, &document, settings);
    match host.text("version")? {
        Some("2.0") => Ok(host),
        _ => Err(host.mistake("version", "expected \"2.0\"")),
    }
}

/// The functions in the folders below `root`, by name.
fn functions(
    root: &Path,
    environment: &BTreeMap<String, String>,
    journal: &Journal,
) -> Result<Vec<Function>, AppError> {
    let unreadable = |error: std::io::Error| AppError::new(root, "", error.to_string());
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(unreadable)?;
    folders.sort();
    let mut functions = Vec::new();
    let mut found = false;
    for folder in folders {
        if !folder.is_dir() {
            continue;
        }
        let file = folder.join("function.json");
        let Some(definition) = read_json(&file)? else { continue };
        found = true;
        match function::read(&file, definition, environment)? {
            Ok(function) => functions.push(function),
            Err(reason) => journal.warn(format!("{} is not served: {reason}", folder.display())),
        }
    }
    if !found {
        let problem = "no function found; expected a folder with a function.json, such as HttpTrigger1";
        return Err(AppError::new(root, "", problem));
    }
    Ok(functions)
}

// === impl Error ===

impl std::error::Error for AppError {}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem)
    }
}
