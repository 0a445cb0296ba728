//! A JSON document with comments, read so that all mistakes in it are reported at once, each with its place.
//!
//! What reads a [`Node`] answers `None` when there is a mistake, and has noted it in the [`Findings`].

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Map, Number, Value};
use thiserror::Error;

/// JSON, and comments.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// One thing that is wrong with a configuration file. It never quotes a value, which may be a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {}{problem}", if .path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct Mistake {
    /// Where in the document, as members and indexes: `enrollmentGroups[0].iotHubs[1]`. Empty: the document.
    pub path: String,
    /// The line in the file, from 1.
    pub line: usize,
    /// The column in that line, in characters, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

/// What was found in a document so far.
#[derive(Debug)]
pub(crate) struct Findings<'t> {
    text: &'t str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// Where each value begins, in bytes, by path.
    places: HashMap<String, usize>,
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Mistake>>,
}

/// One value of a document, with the path that leads to it. Members are taken out of an object one by one; what is
/// left at the end is unknown.
#[derive(Clone, Debug)]
pub(crate) struct Node<'d> {
    findings: &'d Findings<'d>,
    path: String,
    pub(crate) value: Value,
}

/// Parses `text`.
/// Errors: it is not JSON: the first place where it is not, or all members and numbers that cannot be read.
pub(crate) fn parse(text: &str) -> Result<(Value, Findings<'_>), Vec<Mistake>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let invalid = |line, column, reason: &str| {
        let problem = format!("invalid JSON: {reason}");
        vec![Mistake { path: String::new(), line, column, problem }]
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS).map_err(|error| {
        let mut reason = error.kind().to_string();
        if let Some(first) = reason.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        invalid(error.line_display(), error.column_display(), &reason)
    })?;
    let root = parsed.value.ok_or_else(|| invalid(1, 1, "expected an object, found nothing"))?;
    let (places, mistakes, warnings) = (HashMap::new(), RefCell::default(), RefCell::default());
    let lines = [0].into_iter().chain(text.match_indices('\n').map(|(end, _)| end + 1)).collect();
    let mut findings = Findings { text, lines, places, mistakes, warnings };
    findings.find(String::new(), &root);
    if findings.mistakes.get_mut().is_empty() {
        Ok((root.into(), findings))
    } else {
        Err(findings.mistakes.take())
    }
}

impl<'t> Findings<'t> {
    /// The node of the outermost value.
    pub(crate) fn root(&self, value: Value) -> Node<'_> {
        Node { findings: self, path: String::new(), value }
    }

    /// What is wrong, and what is probably not intended, both in the order of the file.
    pub(crate) fn into_mistakes_and_warnings(self) -> (Vec<Mistake>, Vec<Mistake>) {
        let in_order = |found: RefCell<Vec<Mistake>>| {
            let mut found = found.into_inner();
            found.sort_by_key(|mistake| (mistake.line, mistake.column));
            found
        };
        (in_order(self.mistakes), in_order(self.warnings))
    }

    /// Notes where `value` and its parts are, and what in them serde_json would not notice.
    fn find(&mut self, path: String, value: &ast::Value<'t>) {
        self.places.insert(path.clone(), value.start());
        match value {
            ast::Value::NumberLit(number) if serde_json::from_str::<Number>(number.value).is_err() => {
                let mistake =
                    self.finding(&path, "expected a number of JSON that is not too large".to_owned());
                self.mistakes.get_mut().push(mistake);
            }
            ast::Value::Array(array) => {
                for (nth, element) in array.elements.iter().enumerate() {
                    self.find(format!("{path}[{nth}]"), element);
                }
            }
            ast::Value::Object(object) => {
                let mut names = HashSet::new();
                for property in &object.properties {
                    let (name, path) = (property.name.as_str(), join(&path, property.name.as_str()));
                    self.find(path.clone(), &property.value);
                    if !names.insert(name) {
                        let mistake = self.finding(&path, "duplicate member".to_owned());
                        self.mistakes.get_mut().push(mistake);
                    }
                }
            }
            _ => {}
        }
    }

    /// The `problem` at `path`, or at what is around it if nothing in the file has that path.
    fn finding(&self, path: &str, problem: String) -> Mistake {
        let mut known = path;
        let start = loop {
            match self.places.get(known) {
                Some(start) => break *start,
                None => known = known.rfind(['.', '[']).map_or("", |end| &known[..end]),
            }
        };
        let line = self.lines.partition_point(|begins| *begins <= start);
        let begins = line.checked_sub(1).and_then(|nth| self.lines.get(nth)).copied().unwrap_or_default();
        let column = self.text.get(begins..start).map_or(0, |before| before.chars().count()) + 1;
        Mistake { path: path.to_owned(), line, column, problem }
    }
}

impl Node<'_> {
    /// Notes a mistake at this place.
    pub(crate) fn mistake(&self, problem: impl Into<String>) {
        self.findings.mistakes.borrow_mut().push(self.findings.finding(&self.path, problem.into()));
    }

    /// Notes at this place what is allowed, but probably not intended.
    pub(crate) fn warning(&self, problem: impl Into<String>) {
        self.findings.warnings.borrow_mut().push(self.findings.finding(&self.path, problem.into()));
    }

    /// This node, if it is an object.
    pub(crate) fn object(self) -> Option<Self> {
        if self.value.is_object() { Some(self) } else { self.unexpected("an object") }
    }

    /// Takes the member `name` out. `null` counts as absent, as the service treats it.
    pub(crate) fn take(&mut self, name: &str) -> Option<Self> {
        let value = self.value.as_object_mut()?.shift_remove(name).filter(|value| !value.is_null())?;
        Some(Self { findings: self.findings, path: join(&self.path, name), value })
    }

    /// Takes the member `name` out, which has to be there; `meaning` says what it is.
    pub(crate) fn need(&mut self, name: &str, meaning: &str) -> Option<Self> {
        let node = self.take(name);
        if node.is_none() {
            self.mistake(format!("missing member {name}: {meaning}"));
        }
        node
    }

    /// The members not taken, in the order of the document.
    pub(crate) fn rest(mut self) -> Vec<(String, Self)> {
        let names: Vec<String> = self.value.as_object().into_iter().flat_map(Map::keys).cloned().collect();
        names.into_iter().filter_map(|name| self.take(&name).map(|node| (name, node))).collect()
    }

    /// The elements of this array.
    pub(crate) fn items(self) -> Option<Vec<Self>> {
        let Self { findings, path, value: Value::Array(elements) } = self else {
            return self.unexpected("an array");
        };
        let elements = elements.into_iter().enumerate();
        Some(elements.map(|(nth, value)| Self { findings, path: format!("{path}[{nth}]"), value }).collect())
    }

    /// This string.
    pub(crate) fn string(&self) -> Option<String> {
        self.value.as_str().map(str::to_owned).or_else(|| self.unexpected("a string"))
    }

    /// This string, for which `valid` holds; `rule` says what was expected otherwise.
    pub(crate) fn string_that(&self, valid: impl Fn(&str) -> bool, rule: &str) -> Option<String> {
        let string = self.string()?;
        if !valid(&string) {
            self.mistake(rule);
            return None;
        }
        Some(string)
    }

    /// This `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.unexpected("true or false"))
    }

    /// This whole number.
    pub(crate) fn number(&self) -> Option<u32> {
        let number = self.value.as_u64().and_then(|number| number.try_into().ok());
        number.or_else(|| self.unexpected("a whole number of 0 or more"))
    }

    fn unexpected<T>(&self, expected: &str) -> Option<T> {
        let found = match self.value {
            Value::Object(_) => "an object",
            Value::Array(_) => "an array",
            Value::String(_) => "a string",
            Value::Bool(_) => "a boolean",
            Value::Null => "null",
            Value::Number(_) => "a number",
        };
        self.mistake(format!("expected {expected}, found {found}"));
        None
    }
}

/// The path of the member `name` of what is at `path`.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
