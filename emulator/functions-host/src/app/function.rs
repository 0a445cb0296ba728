//! A function: what its function.json, or a route in host.json, says of it.
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#configuration>

use std::path::Path;

use journal::Journal;
use serde::Deserialize;
use serde_json::Value;

use crate::app::file::{self, AppError};
use crate::app::input::Input;
use crate::app::route::Route;
use crate::app::settings::{Settings, is_on};

/// A function that the stand-in serves.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name: that of its folder, or `http-handler1` and so on for the routes of host.json.
    pub name: String,
    /// The HTTP methods it answers to, in upper case; empty for all.
    pub methods: Vec<String>,
    /// Where callers find it: `http://localhost:7071/api/HttpTrigger1`.
    pub url: String,
    pub(crate) level: AuthLevel,
    pub(crate) route: Route,
    /// The name of the binding that the call comes in by, mostly `req`.
    pub(crate) trigger: String,
    /// The name of the binding that the answer leaves by, mostly `res`; `$return` for the return value.
    pub(crate) output: Option<String>,
    pub(crate) inputs: Vec<Input>,
    /// Whether it has one HTTP trigger, one HTTP output and nothing else, so that calls can be forwarded.
    pub(crate) http_only: bool,
}

/// Who may call a function: everyone, who has one of its keys or the master key, who has the master key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum AuthLevel {
    Anonymous,
    #[default]
    Function,
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
    methods: Option<Vec<String>>,
    route: Option<String>,
    // Of an input.
    #[serde(default)]
    row_key: String,
    #[serde(default)]
    partition_key: String,
    #[serde(default)]
    path: String,
}

impl Function {
    /// The function that is the `nth` route of host.json, for any method.
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

    /// The function that `file` defines, but for its URL. `None`, with a warning in the `journal`, if it is not served.
    pub(crate) fn read(
        file: &Path,
        settings: &Settings,
        journal: &Journal,
    ) -> Result<Option<Self>, AppError> {
        let Some(document) = file::read(file)? else { return Ok(None) };
        let Definition { bindings, disabled } = file::typed(file, document)?;
        let folder = file.parent().unwrap_or(file);
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_name(name, "_-") || name.eq_ignore_ascii_case("host") {
            let problem = format!(
                "the folder's name {name:?} is not a valid function name: expected a letter, then up to 127 letters, digits, - and _"
            );
            return Err(AppError::new(file, "", problem));
        }
        let (mut trigger, mut output, mut inputs) = (None, None, Vec::new());
        for (nth, binding) in bindings.iter().enumerate() {
            let mistake = |member: &str, problem: &str| {
                AppError::new(file, &format!("bindings[{nth}].{member}"), problem)
            };
            if binding.name != "$return" && !is_name(&binding.name, "") {
                let problem = "expected a letter, then up to 127 letters and digits, or $return";
                return Err(mistake("name", problem));
            }
            match (binding.kind.to_lowercase().as_str(), binding.direction.to_lowercase().as_str()) {
                ("httptrigger", _) => {
                    let route = binding.route.as_deref().filter(|route| !route.is_empty()).unwrap_or(name);
                    let route = Route::parse(route).map_err(|problem| mistake("route", &problem))?;
                    trigger = Some((binding, route));
                }
                ("http", "out") => output = Some(binding.name.clone()),
                ("http", _) => {
                    let problem = format!("expected \"out\" for the output {}", binding.name);
                    return Err(mistake("direction", &problem));
                }
                (kind, "in") => {
                    let key = if kind == "blob" { &binding.path } else { &binding.row_key };
                    inputs.push(Input::new(&binding.name, kind, key, &binding.partition_key));
                }
                _ => {}
            }
        }
        let left_out = |reason: &str| {
            journal.warn(format!("{} is not served: {reason}", folder.display()));
            Ok(None)
        };
        let Some((trigger, route)) = trigger else {
            return left_out("it has no httpTrigger, the only trigger supported here");
        };
        if is_disabled(name, &disabled, settings) {
            return left_out("it is disabled");
        }
        Ok(Some(Self {
            name: name.to_owned(),
            methods: trigger.methods.iter().flatten().map(|method| method.to_uppercase()).collect(),
            url: String::new(),
            level: trigger.auth_level,
            route,
            trigger: trigger.name.clone(),
            http_only: bindings.len() == 2 && output.is_some(),
            output,
            inputs,
        }))
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
    is_on(settings, &format!("AzureWebJobs.{name}.Disabled"))
        || is_on(settings, &format!("AzureWebJobs_{name}_Disabled"))
        || disabled.as_bool().unwrap_or(false)
        || disabled.as_str().is_some_and(|setting| {
            setting.eq_ignore_ascii_case("true") || is_on(settings, setting.trim_matches('%'))
        })
}

impl TryFrom<String> for AuthLevel {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.to_lowercase().as_str() {
            "anonymous" => Ok(Self::Anonymous),
            "function" => Ok(Self::Function),
            "admin" => Ok(Self::Admin),
            _ => Err(format!("expected anonymous, function or admin, found {name:?}")),
        }
    }
}
