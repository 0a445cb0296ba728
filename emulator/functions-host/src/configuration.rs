//! host.json as the host reads it: a flat list of settings, which app settings may override.
//!
//! The host binds host.json through .NET configuration: every leaf is a text under the path of its names,
//! names are compared without regard to case, and an app setting `AzureFunctionsJobHost__a__b` replaces
//! the leaf `a.b`. <https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::app::AppError;

const OVERRIDE: &str = "azurefunctionsjobhost";

/// host.json's `-1` for a timeout means none; a very long timeout stands in for it.
const UNBOUNDED: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The settings of host.json after the app settings that override them.
#[derive(Debug)]
pub(super) struct Configuration {
    file: PathBuf,
    /// By lower-case path (`customhandler.description.arguments.0`).
    leaves: BTreeMap<String, Leaf>,
}

#[derive(Debug)]
struct Leaf {
    /// Where the text was written: a path in host.json, or the app setting's name.
    place: String,
    text: String,
}

impl Configuration {
    /// Flattens `document`, the contents of `file`, and lets app `settings` override it.
    pub(super) fn new<'a>(
        file: &Path,
        document: &Value,
        settings: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut this = Self { file: file.to_owned(), leaves: BTreeMap::new() };
        this.flatten(String::new(), document);
        for (name, text) in settings {
            let path = name.replace("__", ".").replace(':', ".").to_lowercase();
            if let Some(path) = path.strip_prefix(OVERRIDE).and_then(|rest| rest.strip_prefix('.')) {
                let place = format!("app setting {name}");
                this.leaves.insert(path.to_owned(), Leaf { place, text: text.to_owned() });
            }
        }
        this
    }

    /// The text at `path`, or `None` where it is absent, null or empty.
    pub(super) fn text(&self, path: &str) -> Result<Option<&str>, AppError> {
        match self.leaves.get(&path.to_lowercase()) {
            Some(leaf) => Ok(Some(leaf.text.as_str()).filter(|text| !text.is_empty())),
            None if self.has(path) => Err(self.mistake(path, "expected one value, found an object or array")),
            None => Ok(None),
        }
    }

    /// The boolean at `path`.
    pub(super) fn flag(&self, path: &str) -> Result<Option<bool>, AppError> {
        match self.text(path)?.map(str::to_lowercase).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.mistake(path, "expected true or false")),
        }
    }

    /// The time span at `path`: `hh:mm:ss`, `d.hh:mm:ss`, or `-1` for no bound.
    pub(super) fn duration(&self, path: &str) -> Result<Option<Duration>, AppError> {
        match self.text(path)? {
            None => Ok(None),
            Some("-1") => Ok(Some(UNBOUNDED)),
            Some(text) => time_span(text)
                .map(Some)
                .ok_or_else(|| self.mistake(path, "expected a time span, such as \"00:05:00\", or \"-1\"")),
        }
    }

    /// The texts of the array at `path`, in its order.
    pub(super) fn list(&self, path: &str) -> Vec<&str> {
        let below = format!("{}.", path.to_lowercase());
        let mut items: Vec<(usize, &str)> = self
            .leaves
            .iter()
            .filter_map(|(path, leaf)| Some((path.strip_prefix(&below)?.parse().ok()?, leaf.text.as_str())))
            .collect();
        items.sort_by_key(|(nth, _)| *nth);
        items.into_iter().map(|(_, text)| text).collect()
    }

    /// Whether anything is set at or below `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        let below = format!("{path}.");
        self.leaves.contains_key(&path) || self.leaves.keys().any(|path| path.starts_with(&below))
    }

    /// The `problem` at `path`, with its place.
    pub(super) fn mistake(&self, path: &str, problem: &str) -> AppError {
        let place = self.leaves.get(&path.to_lowercase()).map_or(path, |leaf| &leaf.place);
        AppError::new(&self.file, place, problem)
    }

    fn flatten(&mut self, place: String, value: &Value) {
        let below = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.flatten(below(name), value);
                }
            }
            Value::Array(items) => {
                for (nth, value) in items.iter().enumerate() {
                    self.flatten(below(&nth.to_string()), value);
                }
            }
            Value::Null => {}
            Value::String(text) => self.leaf(place, text.clone()),
            Value::Bool(_) | Value::Number(_) => self.leaf(place, value.to_string()),
        }
    }

    fn leaf(&mut self, place: String, text: String) {
        self.leaves.insert(place.to_lowercase(), Leaf { place, text });
    }
}

/// .NET's `TimeSpan.Parse` for the forms that documentation uses: `[d.]hh:mm[:ss[.fraction]]`.
fn time_span(text: &str) -> Option<Duration> {
    let mut parts = text.split(':');
    let (first, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let (days, hours) = first.split_once('.').unwrap_or(("0", first));
    let digits = |part: &str, below: u64| {
        (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<u64>().ok().filter(|&number| number < below))
            .flatten()
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    digits(fraction, 10_000_000)?;
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    let whole = ((digits(days, 10_000)? * 24 + digits(hours, 24)?) * 60 + digits(minutes, 60)?) * 60
        + digits(seconds, 60)?;
    parts.next().is_none().then(|| Duration::new(whole, nanos))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn time_spans_are_read_as_dotnet_reads_them() {
        for (text, expected) in [
            ("00:05:00", Some(Duration::from_secs(300))),
            ("1.00:00:30", Some(Duration::from_secs(86_430))),
            ("00:00:00.25", Some(Duration::from_millis(250))),
            ("01:30", Some(Duration::from_secs(5_400))),
            ("5", None),
            ("00:60:00", None),
            ("00:00:-1", None),
            ("00:00:00:00", None),
            ("", None),
        ] {
            assert_eq!(time_span(text), expected, "{text:?}");
        }
    }

    #[test]
    fn app_settings_override_and_names_have_no_case() {
        let document = json!({"customHandler": {"description": {"defaultExecutablePath": "a", "arguments": ["x", "y"]}}});
        let settings = [
            ("AzureFunctionsJobHost__CustomHandler__Description__DefaultExecutablePath", "b"),
            ("AzureFunctionsJobHost__customHandler__description__arguments__1", "z"),
            ("AzureFunctionsJobHostile__version", "1"),
        ];
        let read = Configuration::new(Path::new("host.json"), &document, settings.into_iter());
        assert_eq!(read.text("customHandler.description.defaultExecutablePath").unwrap(), Some("b"));
        assert_eq!(read.list("customHandler.description.arguments"), ["x", "z"]);
        assert_eq!(read.text("version").unwrap(), None);
    }
}
