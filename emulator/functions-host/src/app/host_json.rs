//! host.json as the host reads it: a flat list of settings, which app settings may override.
//! The host binds host.json through .NET configuration: every leaf is a text under the path of its names,
//! names are compared without regard to case, and an app setting `AzureFunctionsJobHost__a__b` replaces
//! the leaf `a.b`. <https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values>

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::app::file::{self, AppError};
use crate::app::settings::{self, Settings};

/// The defaults of the profile `mcp-custom-handler`, by path.
/// <https://learn.microsoft.com/azure/azure-functions/self-hosted-mcp-servers>
const MCP: [(&str, &str); 3] = [
    ("extensions.http.routeprefix", ""),
    ("customhandler.enableproxyinghttprequest", "true"),
    ("customhandler.http.routes.0.route", "{*route}"),
];

/// host.json's `-1` for a timeout means none; a very long timeout stands in for it.
const UNBOUNDED: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Debug)]
pub(crate) struct HostJson {
    /// The app's folder.
    pub(crate) root: PathBuf,
    pub(crate) settings: Settings,
    /// By lower-case path (`customhandler.description.arguments.0`): where it was written, and the text.
    leaves: BTreeMap<String, (String, String)>,
}

impl HostJson {
    /// Reads host.json and local.settings.json in the folder `root`.
    pub(crate) fn read(root: PathBuf) -> Result<Self, AppError> {
        let settings = settings::read(&root.join("local.settings.json"))?;
        let mut this = Self { root, settings, leaves: BTreeMap::new() };
        let file = this.root.join("host.json");
        let missing = || AppError::new(&file, "", "no such file; expected the folder of a Functions app");
        this.flatten("", &file::read(&file)?.ok_or_else(missing)?);
        for (name, text) in &this.settings {
            let path = name.replace("__", ".").replace(':', ".").to_lowercase();
            if let Some(path) = path.strip_prefix("azurefunctionsjobhost.") {
                this.leaves.insert(path.to_owned(), (format!("app setting {name}"), text.clone()));
            }
        }
        let profile = this.text("configurationProfile")?.unwrap_or("default").to_lowercase();
        if profile == "mcp-custom-handler" {
            for (path, text) in MCP {
                this.leaves.entry(path.to_owned()).or_insert_with(|| (path.to_owned(), text.to_owned()));
            }
        } else if profile != "default" {
            let problem = "expected \"default\" or \"mcp-custom-handler\"";
            return Err(this.mistake("configurationProfile", problem));
        }
        match this.text("version")? {
            Some("2.0") => Ok(this),
            _ => Err(this.mistake("version", "expected \"2.0\"")),
        }
    }

    /// The text at `path`, or `None` where it is absent, null or empty.
    pub(crate) fn text(&self, path: &str) -> Result<Option<&str>, AppError> {
        match self.leaves.get(&path.to_lowercase()) {
            Some((_, text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            None if self.has(path) => Err(self.mistake(path, "expected one value, found an object or array")),
            None => Ok(None),
        }
    }

    pub(crate) fn flag(&self, path: &str, default: bool) -> Result<bool, AppError> {
        let Some(text) = self.text(path)? else { return Ok(default) };
        text.to_lowercase().parse().map_err(|_| self.mistake(path, "expected true or false"))
    }

    /// The time span at `path`: `hh:mm:ss`, `d.hh:mm:ss`, or `-1` for no bound.
    pub(crate) fn duration(&self, path: &str, default: Duration) -> Result<Duration, AppError> {
        let span = match self.text(path)? {
            None => Some(default),
            Some("-1") => Some(UNBOUNDED),
            Some(text) => time_span(text),
        };
        span.ok_or_else(|| self.mistake(path, "expected a time span, such as \"00:05:00\", or \"-1\""))
    }

    pub(crate) fn list(&self, path: &str) -> impl Iterator<Item = String> {
        let below = format!("{}.", path.to_lowercase());
        let item = |(path, (_, text)): (&String, &(String, String))| {
            Some((path.strip_prefix(&below)?.parse::<usize>().ok()?, text.clone()))
        };
        self.leaves.iter().filter_map(item).collect::<BTreeMap<_, _>>().into_values()
    }

    /// Whether anything is set at or below `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        let below = format!("{path}.");
        self.leaves.keys().any(|other| *other == path || other.starts_with(&below))
    }

    pub(crate) fn mistake(&self, path: &str, problem: &str) -> AppError {
        let place = self.leaves.get(&path.to_lowercase()).map_or(path, |(place, _)| place);
        AppError::new(&self.root.join("host.json"), place, problem)
    }

    /// Takes the leaves of `value`; a dot precedes each name in `place`.
    fn flatten(&mut self, place: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| self.flatten(&format!("{place}.{name}"), value));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(nth, value)| self.flatten(&format!("{place}.{nth}"), value));
            }
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let place = place.trim_start_matches('.');
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.leaves.insert(place.to_lowercase(), (place.to_owned(), text));
            }
        }
    }
}

/// .NET's `TimeSpan.Parse` for the forms that documentation uses: `[d.]hh:mm[:ss[.fraction]]`.
fn time_span(text: &str) -> Option<Duration> {
    let form = r"^(?:(\d{1,4})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$";
    let found = Regex::new(form).ok()?.captures(text)?;
    let part = |nth| found.get(nth).map_or("0", |digits| digits.as_str());
    let number = |nth, below| part(nth).parse().ok().filter(|&number: &u64| number < below);
    let minutes = (number(1, 10_000)? * 24 + number(2, 24)?) * 60 + number(3, 60)?;
    Some(Duration::new(minutes * 60 + number(4, 60)?, format!("{:0<9}", part(5)).parse().ok()?))
}
