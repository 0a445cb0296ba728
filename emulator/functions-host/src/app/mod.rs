//! The app's folder, read as the host reads it: host.json, local.settings.json, every `*/function.json`.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#application-structure>

pub(crate) mod file;
pub(crate) mod function;
pub(crate) mod handler;
pub(crate) mod host_json;
pub(crate) mod input;
pub(crate) mod route;
pub(crate) mod settings;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use journal::Journal;

use crate::app::file::AppError;
use crate::app::function::{AuthLevel, Function};
use crate::app::handler::Handler;
use crate::app::host_json::HostJson;
use crate::app::route::Route;
use crate::app::settings::Settings;
use crate::options::HostOptions;

const ROUTES: &str = "customHandler.http.routes";
const INITIALIZATION: &str = "customHandler.initializationTimeout";

/// An app, and how it is run.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) options: HostOptions,
    /// What the host and the handler log.
    pub(crate) journal: Journal,
    /// What callers know the host as, such as `localhost:7071`.
    pub(crate) host_name: String,
    /// Its functions, by name.
    pub(crate) functions: Vec<Function>,
    /// What precedes every route, without slashes; usually `api`, possibly empty.
    pub(crate) route_prefix: String,
    pub(crate) mode: Mode,
    pub(crate) handler: Handler,
    /// How long one call may take.
    pub(crate) function_timeout: Duration,
    /// How long the handler may take to its first answer.
    pub(crate) initialization_timeout: Duration,
}

/// How calls reach the handler. Functions with other bindings than one HTTP trigger and one HTTP output
/// always take the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As a JSON document that describes the call; the reply is one that describes the answer.
    Envelope,
    /// As a copy of the caller's request (`enableForwardingHttpRequest`).
    Forwarding,
    /// As the caller's request itself, streamed (`enableProxyingHttpRequest`).
    Proxying,
}

impl App {
    /// Reads the folder that `options` names, for a host that has no address yet. What the stand-in cannot serve is
    /// left out with a warning in the `journal`. The error is the first mistake in any of the files.
    pub(crate) fn read(options: HostOptions, journal: Journal) -> Result<Self, AppError> {
        let root = std::path::absolute(&options.app).unwrap_or_else(|_| options.app.clone());
        let settings = settings::read(&root.join("local.settings.json"))?;
        let host = HostJson::read(&root.join("host.json"), &settings)?;
        let mut functions = functions(&root, &host, &settings, &journal)?;
        fill_inputs(&mut functions, &root, &options, &journal)?;

        let flag = |path: &str| host.flag(path).map(|flag| flag.unwrap_or(false));
        let forwarding = flag("customHandler.enableForwardingHttpRequest")?;
        let prefix = match host.has("extensions.http.routePrefix") {
            true => host.text("extensions.http.routePrefix")?.unwrap_or(""),
            false => "api",
        };
        let timeout = |option: Option<Duration>, path: &str, otherwise: u64| match option {
            Some(timeout) => Ok(timeout),
            None => Ok(host.duration(path)?.unwrap_or(Duration::from_secs(otherwise))),
        };
        Ok(Self {
            host_name: String::new(),
            functions,
            route_prefix: prefix.trim_matches('/').to_owned(),
            mode: match flag("customHandler.enableProxyingHttpRequest")? {
                true => Mode::Proxying,
                false if forwarding => Mode::Forwarding,
                false => Mode::Envelope,
            },
            function_timeout: timeout(options.function_timeout, "functionTimeout", 30 * 60)?,
            initialization_timeout: timeout(options.initialization_timeout, INITIALIZATION, 30)?,
            handler: Handler::read(&host, &root, settings, &options.executable, &journal)?,
            options,
            journal,
        })
    }

    /// Sets the address at which callers connect, and the functions' URLs.
    pub(crate) fn locate(&mut self, address: SocketAddr) {
        self.host_name = match address.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => format!("localhost:{}", address.port()),
            _ => address.to_string(),
        };
        let slash = if self.route_prefix.is_empty() { "" } else { "/" };
        for Function { url, route, .. } in &mut self.functions {
            *url = format!("http://{}/{}{slash}{}", self.host_name, self.route_prefix, route.text);
        }
    }
}

/// The functions in the folders below `root`, by name, or those that are routes of host.json.
fn functions(
    root: &Path,
    host: &HostJson,
    settings: &Settings,
    journal: &Journal,
) -> Result<Vec<Function>, AppError> {
    let entries = fs::read_dir(root).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| AppError::new(root, "", error.to_string()))?;
    let mut files: Vec<PathBuf> = entries.iter().map(|entry| entry.path().join("function.json")).collect();
    files.retain(|file| file.is_file());
    files.sort();
    match (files.first(), host.has(ROUTES)) {
        (None, true) => return routes(host, settings),
        (Some(file), true) => {
            let problem =
                "expected no function.json beside the routes of host.json, which define functions too";
            return Err(AppError::new(file, "", problem));
        }
        (None, false) => {
            let problem = "no function found; expected a folder with a function.json, such as HttpTrigger1";
            return Err(AppError::new(root, "", problem));
        }
        (Some(_), false) => {}
    }
    let mut functions = Vec::new();
    for file in files {
        let Some(document) = file::read(&file)? else { continue };
        match Function::read(&file, document, settings)? {
            Ok(function) => functions.push(function),
            Err(reason) => {
                let folder = file.parent().unwrap_or(root).display();
                journal.warn(format!("{folder} is not served: {reason}"));
            }
        }
    }
    Ok(functions)
}

/// The functions that are routes of host.json.
/// <https://github.com/Azure/azure-functions-host/pull/11345>
fn routes(host: &HostJson, settings: &Settings) -> Result<Vec<Function>, AppError> {
    let runtime = settings.get("FUNCTIONS_WORKER_RUNTIME").map(String::as_str).unwrap_or_default();
    if !runtime.eq_ignore_ascii_case("custom") {
        let problem = format!(
            "expected the app setting FUNCTIONS_WORKER_RUNTIME to be custom, as routes need, found {runtime:?}"
        );
        return Err(host.mistake(ROUTES, &problem));
    }
    let level = |path: &str, default| match host.text(path)? {
        None => Ok(default),
        Some(name) => AuthLevel::parse(name).map_err(|problem| host.mistake(path, &problem)),
    };
    let default = level("customHandler.http.defaultAuthorizationLevel", AuthLevel::Function)?;
    let mut functions = Vec::new();
    for nth in 0.. {
        let place = format!("{ROUTES}.{nth}");
        if !host.has(&place) {
            break;
        }
        let route = Route::parse(host.text(&format!("{place}.route"))?.unwrap_or_default())
            .map_err(|problem| host.mistake(&format!("{place}.route"), &problem))?;
        let level = level(&format!("{place}.authorizationLevel"), default)?;
        functions.push(Function::of_route(nth + 1, route, level));
    }
    Ok(functions)
}

/// Gives the functions' input bindings the rows of the CSV files that `options` names.
fn fill_inputs(
    functions: &mut [Function],
    root: &Path,
    options: &HostOptions,
    journal: &Journal,
) -> Result<(), AppError> {
    let mut unused = options.inputs.clone();
    for Function { name: function, inputs, .. } in functions {
        for input in inputs {
            let name = input.name.clone();
            if let Some(file) = options.inputs.get(&name) {
                input.fill(file, &root.join(&function).join("function.json"))?;
                unused.remove(&name);
            } else {
                journal.warn(format!(
                    "{function} is called without its input {name}: no storage account is read here; give it rows with --input {name}=FILE.csv"
                ));
            }
        }
    }
    match unused.first_key_value() {
        None => Ok(()),
        Some((name, _)) => {
            Err(AppError::new(root, "", format!("no function has an input binding {name:?} to fill")))
        }
    }
}
