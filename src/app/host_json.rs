//! `host.json`: the prefix of all routes, who passes requests on, and functions that are routes alone.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-host-json>

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::function_json::{DEFAULT_NAME, DEFAULT_OUTPUT, DEFAULT_TRIGGER, Function};
use super::json;

const FILE: &str = "host.json";

/// What an app setting that overrides a member of `host.json` begins with.
///
/// <https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values>
const OVERRIDE: &str = "AzureFunctionsJobHost";

const ROUTE_PREFIX: [&str; 3] = ["extensions", "http", "routePrefix"];
const FORWARDING: [&str; 2] = ["customHandler", "enableForwardingHttpRequest"];
const PROXYING: [&str; 2] = ["customHandler", "enableProxyingHttpRequest"];
const ROUTES: [&str; 3] = ["customHandler", "http", "routes"];

/// What matters of `host.json`.
#[derive(Debug)]
pub(super) struct HostJson {
    /// What every route begins with; `api` unless the file says otherwise, and possibly empty.
    pub(super) route_prefix: String,
    /// Whether requests are passed on as they are; `None` when the file does not say.
    pub(super) forwards: Option<bool>,
    routes: Vec<HttpRoute>,
}

/// A function that is a route alone, on hosts since 4.1043: <https://github.com/Azure/azure-functions-host/pull/11345>.
#[derive(Debug, Deserialize)]
struct HttpRoute {
    #[serde(alias = "Route")]
    route: String,
}

/// Whether there is one in `folder`.
pub(super) fn is_in(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

// === impl HostJson ===

impl HostJson {
    /// Reads the file in `root`, if there is one.
    pub(super) fn load(root: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let file = if is_in(root) { json::read(root, FILE)? } else { Value::Null };
        let text = |path: &[&str]| {
            if let Some(set) = variable(&format!("{OVERRIDE}__{}", path.join("__"))) {
                return Ok(Some(set));
            }
            match json::member(&file, path) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(Value::Bool(value)) => Ok(Some(value.to_string())),
                Some(other) => Err(format!(
                    "{FILE}, at {}: expected a string or a boolean, found {other}",
                    path.join(".")
                )),
            }
        };
        let flag = |path: &[&str]| match text(path)?.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                Err(format!("{FILE}, at {}: expected true or false, found {other:?}", path.join(".")))
            }
        };
        let forwards = match (flag(&FORWARDING)?, flag(&PROXYING)?) {
            (None, None) => None,
            (forwarding, proxying) => Some(forwarding == Some(true) || proxying == Some(true)),
        };
        let routes = match json::member(&file, &ROUTES) {
            None | Some(Value::Null) => Vec::new(),
            Some(routes) => json::typed(&format!("{FILE}, at {}", ROUTES.join(".")), routes.clone())?,
        };
        let route_prefix = text(&ROUTE_PREFIX)?.unwrap_or_else(|| "api".to_owned());
        Ok(Self { route_prefix, forwards, routes })
    }

    /// The functions of an app without a `function.json`: its routes, named as the host names them
    /// (`HttpWorkerFunctionProvider.cs`), or else the tutorial's function.
    pub(super) fn functions(&self) -> Result<Vec<Function>, String> {
        let function = |name: &str, route: &str| {
            Function::new(name, &self.route_prefix, route, DEFAULT_TRIGGER, DEFAULT_OUTPUT, Vec::new())
                .map_err(|what| format!("{FILE}, at {}: {what}", ROUTES.join(".")))
        };
        if self.routes.is_empty() {
            return Ok(vec![function(DEFAULT_NAME, DEFAULT_NAME)?]);
        }
        self.routes
            .iter()
            .enumerate()
            .map(|(nth, HttpRoute { route })| function(&format!("http-handler{}", nth + 1), route))
            .collect()
    }
}

impl Default for HostJson {
    fn default() -> Self {
        Self { route_prefix: "api".to_owned(), forwards: None, routes: Vec::new() }
    }
}
