//! A function: what its function.json, or a route in host.json, says of it.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#configuration>

use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::app::file::{self, AppError};
use crate::app::input::{Input, InputBinding};
use crate::app::route::Route;
use crate::app::settings::{self, Settings};

/// A function that the stand-in serves.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name: that of its folder, or `http-handler1` and so on for the routes of host.json.
    pub name: String,
    /// The HTTP methods it answers to, in upper case; empty for all.
    pub methods: Vec<String>,
    /// Where callers find it: `http://localhost:7071/api/HttpTrigger1`.
    pub url: String,
    /// Who may call it.
    pub(crate) level: AuthLevel,
    /// Its route below the prefix.
    pub(crate) route: Route,
    /// The name of the binding that the call comes in by, mostly `req`.
    pub(crate) trigger: String,
    /// The name of the binding that the answer leaves by, mostly `res`; `$return` for the return value.
    pub(crate) output: Option<String>,
    /// The input bindings.
    pub(crate) inputs: Vec<Input>,
    /// Whether it has one HTTP trigger, one HTTP output and nothing else, so that calls can be forwarded.
    pub(crate) http_only: bool,
}

/// Who may call a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AuthLevel {
    /// Everybody.
    Anonymous,
    /// Who has one of the function's keys, or the master key.
    #[default]
    Function,
    /// Who has the master key.
    Admin,
}

#[derive(Deserialize)]
struct Definition {
    bindings: Vec<Binding>,
    /// True, or the name of a setting that says so.
    #[serde(default)]
    disabled: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Binding {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    direction: String,
    name: String,
    #[serde(default)]
    auth_level: AuthLevel,
    #[serde(default)]
    methods: Option<Vec<String>>,
    #[serde(default)]
    route: Option<String>,
    #[serde(flatten)]
    input: InputBinding,
}

impl Function {
    /// A function that is a `route` of host.json, callable with any method and from `level` on.
    /// <https://github.com/Azure/azure-functions-host/pull/11345>
    pub(crate) fn of_route(nth: usize, route: Route, level: AuthLevel) -> Self {
        Self {
            name: format!("http-handler{nth}"),
            methods: Vec::new(),
            url: String::new(),
            level,
            route,
            trigger: "req".to_owned(),
            output: Some("res".to_owned()),
            inputs: Vec::new(),
            http_only: true,
        }
    }

    /// The function that `document`, the contents of `file`, defines; or the reason why it is not served.
    pub(crate) fn read(
        file: &Path,
        document: Value,
        settings: &Settings,
    ) -> Result<Result<Self, String>, AppError> {
        let definition: Definition = file::typed(file, document)?;
        let name = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        if !is_name(name, "_-") || name.eq_ignore_ascii_case("host") {
            let problem = format!(
                "the folder's name {name:?} is not a valid function name: expected a letter, then up to 127 letters, digits, - and _"
            );
            return Err(AppError::new(file, "", problem));
        }
        let mistake = |nth: usize, member: &str, problem: String| {
            AppError::new(file, &format!("bindings[{nth}].{member}"), problem)
        };
        let (mut trigger, mut output, mut inputs) = (None, None, Vec::new());
        for (nth, binding) in definition.bindings.iter().enumerate() {
            if binding.name != "$return" && !is_name(&binding.name, "") {
                let problem = "expected a letter, then up to 127 letters and digits, or $return";
                return Err(mistake(nth, "name", problem.to_owned()));
            }
            match (binding.kind.to_lowercase().as_str(), binding.direction.to_lowercase().as_str()) {
                ("httptrigger", _) => {
                    trigger.get_or_insert((nth, binding));
                }
                ("http", "out") => {
                    output.get_or_insert(binding);
                }
                ("http", _) => {
                    let problem = format!("expected \"out\" for the output {}", binding.name);
                    return Err(mistake(nth, "direction", problem));
                }
                (_, "in") => inputs.push(Input::new(&binding.name, &binding.kind, &binding.input)),
                _ => {}
            }
        }
        let Some((nth, trigger)) = trigger else {
            return Ok(Err("it has no httpTrigger, the only trigger supported here".to_owned()));
        };
        if is_disabled(name, &definition.disabled, settings) {
            return Ok(Err("it is disabled".to_owned()));
        }
        let route = trigger.route.as_deref().filter(|route| !route.is_empty()).unwrap_or(name);
        Ok(Ok(Self {
            name: name.to_owned(),
            methods: trigger.methods.iter().flatten().map(|method| method.to_uppercase()).collect(),
            url: String::new(),
            level: trigger.auth_level,
            route: Route::parse(route).map_err(|problem| mistake(nth, "route", problem))?,
            trigger: trigger.name.clone(),
            http_only: definition.bindings.len() == 2 && output.is_some(),
            output: output.map(|output| output.name.clone()),
            inputs,
        }))
    }

    /// Sets the URL, for a host that callers know as `host_name` and routes below `prefix`.
    pub(crate) fn locate(&mut self, host_name: &str, prefix: &str) {
        let slash = if prefix.is_empty() { "" } else { "/" };
        self.url = format!("http://{host_name}/{prefix}{slash}{}", self.route.as_str());
    }
}

impl AuthLevel {
    /// The level called `name`, in any casing.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "anonymous" => Some(Self::Anonymous),
            "function" => Some(Self::Function),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// A letter, then up to 127 letters, digits and characters of `also`.
fn is_name(name: &str, also: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|character: char| character.is_ascii_alphabetic())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || also.contains(character))
}

/// Whether function.json or the setting `AzureWebJobs.<name>.Disabled` switches the function off.
/// <https://learn.microsoft.com/azure/azure-functions/disable-function>
fn is_disabled(name: &str, disabled: &Value, settings: &Settings) -> bool {
    let is_on = |setting: &str| settings::is_on(settings, setting);
    is_on(&format!("AzureWebJobs.{name}.Disabled"))
        || is_on(&format!("AzureWebJobs_{name}_Disabled"))
        || match disabled {
            Value::Bool(disabled) => *disabled,
            Value::String(setting) => {
                setting.eq_ignore_ascii_case("true") || is_on(setting.trim_matches('%'))
            }
            _ => false,
        }
}

/// The files `function.json` in the folders below `root`, by folder.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>, AppError> {
    let entries = std::fs::read_dir(root).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path().join("function.json"))).collect()
    });
    let mut files: Vec<PathBuf> = entries.map_err(|error| AppError::new(root, "", error.to_string()))?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

// === impl Deserialize ===

impl<'de> Deserialize<'de> for AuthLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name)
            .ok_or_else(|| D::Error::custom(format!("expected anonymous, function or admin, found {name:?}")))
    }
}
