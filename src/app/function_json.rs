//! `function.json`: the names and the route of one function.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#configuration>

use std::path::Path;
use std::{fs, io};

use serde::Deserialize;

use super::json;
use super::route::Route;
use crate::mistakes::Mistakes;

/// The names of the tutorial's function, for an app that has no files of its own.
pub(super) const DEFAULT_NAME: &str = "HttpTrigger1";
pub(super) const DEFAULT_TRIGGER: &str = "req";
pub(super) const DEFAULT_OUTPUT: &str = "res";

/// A function with an HTTP trigger.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its folder's name. The host posts envelopes to `/<name>`.
    pub name: String,
    /// The name of its trigger binding, by which the envelope's `Data` holds the request: `req`, usually.
    pub trigger: String,
    /// The name of its HTTP output, by which the reply's `Outputs` holds the response: `res`, usually.
    pub output: String,
    /// The names of its other input bindings, by which `Data` holds what they brought.
    pub inputs: Vec<String>,
    /// Where its callers reach it, prefix included: `/api/HttpTrigger1`.
    pub route: Route,
}

#[derive(Deserialize)]
struct FunctionJson {
    bindings: Vec<Binding>,
}

#[derive(Deserialize)]
struct Binding {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    direction: String,
    #[serde(default)]
    name: String,
    route: Option<String>,
}

/// The functions of the app in `root`, by name. Functions with other triggers are left out.
pub(super) fn load_all(root: &Path, prefix: &str, mistakes: &mut Mistakes) -> Vec<Function> {
    let names = match names(root) {
        Ok(names) => names,
        Err(error) => {
            mistakes.add(format!("Cannot read the app's folder {}: {error}", root.display()));
            return Vec::new();
        }
    };
    names.iter().filter_map(|name| mistakes.keep(load(root, name, prefix)).flatten()).collect()
}

/// The names of the folders in `root` that have a function.json, sorted.
pub(super) fn names(root: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(root)?
        .filter_map(|folder| folder.ok()?.file_name().into_string().ok())
        .filter(|name| root.join(name).join("function.json").exists())
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// The function in the folder `name`; `None` when no HTTP request triggers it.
fn load(root: &Path, name: &str, prefix: &str) -> Result<Option<Function>, String> {
    let file = format!("{name}/function.json");
    let FunctionJson { bindings } = json::typed(&file, json::read(root, &file)?)?;
    let Some(trigger) = bindings.iter().find(|binding| binding.is("httpTrigger", "in")) else {
        return Ok(None);
    };
    let Some(output) = bindings.iter().find(|binding| binding.is("http", "out")) else {
        return Err(format!(
            "{file}, at bindings: expected one of type http and direction out, for the answer; found none"
        ));
    };
    let route = trigger.route.as_deref().filter(|route| !route.is_empty()).unwrap_or(name);
    let inputs = bindings.iter().filter(|binding| binding.direction.eq_ignore_ascii_case("in"));
    let inputs = inputs
        .filter(|binding| !std::ptr::eq(*binding, trigger))
        .map(|binding| binding.name.clone())
        .collect();
    let function = Function::new(name, prefix, route, &trigger.name, &output.name, inputs);
    function.map(Some).map_err(|what| format!("{file}, at bindings: {what}"))
}

// === impl Function ===

impl Function {
    /// A function at `route`, a template below `prefix`.
    pub(super) fn new(
        name: &str,
        prefix: &str,
        route: &str,
        trigger: &str,
        output: &str,
        inputs: Vec<String>,
    ) -> Result<Self, String> {
        if trigger.is_empty() || output.is_empty() {
            return Err(
                "expected a name for the HTTP trigger and one for the HTTP output, found none".to_owned()
            );
        }
        let route = Route::parse(&format!("{prefix}/{route}"))?;
        Ok(Self {
            name: name.to_owned(),
            trigger: trigger.to_owned(),
            output: output.to_owned(),
            inputs,
            route,
        })
    }
}

// === impl Binding ===

impl Binding {
    /// Compared as the host compares, in any casing.
    fn is(&self, kind: &str, direction: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.direction.eq_ignore_ascii_case(direction)
    }
}
