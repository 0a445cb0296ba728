//! A function: its function.json, and the route that leads to it.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#configuration>

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::app::AppError;
use super::template::Template;

/// A function that the stand-in serves.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name: that of its folder.
    pub name: String,
    /// The HTTP methods it answers to, in upper case; empty for all.
    pub methods: Vec<String>,
    /// Where callers find it: `http://localhost:7071/api/HttpTrigger1`.
    pub url: String,
    /// Who may call it.
    pub(super) level: AuthLevel,
    /// Its route below the prefix.
    pub(super) route: Template,
    /// The name of the binding that the call comes in by, mostly `req`.
    pub(super) trigger: String,
    /// The name of the binding that the answer leaves by, mostly `res`; `$return` for the return value.
    pub(super) output: Option<String>,
    /// Whether it has one HTTP trigger, one HTTP output and nothing else, so that calls can be forwarded.
    pub(super) http_only: bool,
}

/// Who may call a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum AuthLevel {
    /// Everybody.
    Anonymous,
    /// Who has one of the function's keys, or the master key.
    #[default]
    Function,
    /// Who has the master key.
    Admin,
}

/// function.json, as far as it concerns HTTP.
#[derive(Debug, Deserialize)]
pub(super) struct Definition {
    bindings: Vec<Binding>,
    /// True, or the name of a setting that says so.
    #[serde(default)]
    disabled: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Binding {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    direction: Option<String>,
    name: String,
    #[serde(default)]
    auth_level: AuthLevel,
    #[serde(default)]
    methods: Option<Vec<String>>,
    #[serde(default)]
    route: Option<String>,
}

impl Function {
    /// Sets the URL, for a host that callers know as `host_name` and routes below `prefix`.
    pub(super) fn locate(&mut self, host_name: &str, prefix: &str) {
        let slash = if prefix.is_empty() { "" } else { "/" };
        self.url = format!("http://{host_name}/{prefix}{slash}{}", self.route.as_str());
    }
}

/// The function that `definition`, read from `file`, defines; or the reason why it is not served.
pub(super) fn read(
    file: &Path,
    definition: Definition,
    environment: &BTreeMap<String, String>,
) -> Result<Result<Function, String>, AppError> {
    let name = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    if !is_name(name, |byte| matches!(byte, b'_' | b'-')) || name.eq_ignore_ascii_case("host") {
        let problem = format!(
            "the folder's name {name:?} is not a valid function name: expected a letter, then up to 127 letters, digits, - and _"
        );
        return Err(AppError::new(file, "", problem));
    }
    for (nth, binding) in definition.bindings.iter().enumerate() {
        if binding.name != "$return" && !is_name(&binding.name, |_| false) {
            let problem = "expected a letter, then up to 127 letters and digits, or $return";
            return Err(AppError::new(file, &format!("bindings[{nth}].name"), problem));
        }
    }
    let of_kind =
        |kind: &str| definition.bindings.iter().position(|binding| binding.kind.eq_ignore_ascii_case(kind));
    let Some(nth) = of_kind("httpTrigger") else {
        return Ok(Err("it has no httpTrigger, the only trigger supported here".to_owned()));
    };
    if is_disabled(name, &definition.disabled, environment) {
        return Ok(Err("it is disabled".to_owned()));
    }
    let trigger = &definition.bindings[nth];
    let output = of_kind("http").map(|nth| &definition.bindings[nth]);
    let route = trigger.route.as_deref().filter(|route| !route.is_empty()).unwrap_or(name);
    let route = Template::parse(route)
        .map_err(|problem| AppError::new(file, &format!("bindings[{nth}].route"), problem))?;
    if let Some(output) = output.filter(|output| output.direction.as_deref() != Some("out")) {
        let place = format!("bindings[{}].direction", of_kind("http").unwrap_or_default());
        return Err(AppError::new(file, &place, format!("expected \"out\" for the output {}", output.name)));
    }
    Ok(Ok(Function {
        name: name.to_owned(),
        methods: trigger.methods.iter().flatten().map(|method| method.to_uppercase()).collect(),
        url: String::new(),
        level: trigger.auth_level,
        route,
        trigger: trigger.name.clone(),
        output: output.map(|output| output.name.clone()),
        http_only: definition.bindings.len() == 2 && output.is_some(),
    }))
}

/// A letter, then up to 127 letters, digits and what `also` allows.
fn is_name(name: &str, also: impl Fn(u8) -> bool) -> bool {
    name.len() <= 128
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || also(byte))
}

/// Whether function.json or the setting `AzureWebJobs.<name>.Disabled` switches the function off.
/// <https://learn.microsoft.com/azure/azure-functions/disable-function>
fn is_disabled(name: &str, disabled: &Value, environment: &BTreeMap<String, String>) -> bool {
    let is_set = |setting: &str| {
        environment.get(setting).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    };
    is_set(&format!("AzureWebJobs.{name}.Disabled"))
        || is_set(&format!("AzureWebJobs_{name}_Disabled"))
        || match disabled {
            Value::Bool(disabled) => *disabled,
            Value::String(setting) => {
                setting.eq_ignore_ascii_case("true") || is_set(setting.trim_matches('%'))
            }
            _ => false,
        }
}

// === impl Deserialize ===

impl<'de> Deserialize<'de> for AuthLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.to_lowercase().as_str() {
            "anonymous" => Ok(Self::Anonymous),
            "function" => Ok(Self::Function),
            "admin" => Ok(Self::Admin),
            _ => Err(D::Error::custom("expected anonymous, function or admin")),
        }
    }
}
