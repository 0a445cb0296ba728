//! The configuration file: id scope, linked hubs, enrollments.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::enrollments::document::{Document, Mistake, Mistakes, Node};
use crate::enrollments::enrollment::{Enrollments, Hub, Kind};
use crate::enrollments::record;
use crate::stamp;

/// What the stand-in is set up with, read from one JSON file.
///
/// ```json
/// {
///   "idScope": "0ne00ABCDEF",
///   "linkedHubs": ["contoso-toasters-hub-1098.azure-devices.net",
///                  {"name": "contoso-heatpumps-hub-1098.azure-devices.net", "allocationWeight": 10}],
///   "enrollmentGroups": [{"enrollmentGroupId": "…", "attestation": {"type": "symmetricKey", "symmetricKey": {…}}, …}],
///   "individualEnrollments": [{"registrationId": "…", "attestation": {…}, …}]
/// }
/// ```
///
/// Enrollments have the shape of the service's REST API, version 2021-10-01. `sample.jsonc` of this
/// package shows and explains every member.
#[derive(Clone, Debug)]
pub struct Config {
    /// The id scope of the instance, such as `0ne00ABCDEF`.
    pub id_scope: String,
    /// The hubs linked to the instance, in the order of the file.
    pub(crate) hubs: Vec<Hub>,
    pub(crate) enrollments: Enrollments,
    /// What is allowed but probably not intended. Logged when the service starts.
    pub(crate) warnings: Vec<String>,
}

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file has mistakes: all of them, in the order of the file.
    Mistaken {
        /// Which file.
        path: PathBuf,
        /// One or more.
        mistakes: Vec<Mistake>,
    },
}

// === impl Config ===

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has mistakes: all of them, each with its place.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let changed = std::fs::metadata(path).and_then(|file| file.modified());
        Self::parse(&text, changed.unwrap_or_else(|_| SystemTime::now()))
            .map_err(|mistakes| ConfigError::Mistaken { path: path.to_owned(), mistakes })
    }

    /// Reads `text`, as if from a file. `changed` stands in for the times that enrollments do not give.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order of the text.
    pub fn parse(text: &str, changed: SystemTime) -> Result<Self, Vec<Mistake>> {
        let document = Document::new(text);
        let mut mistakes = Mistakes::default();
        let config = read(&document, &stamp::timestamp(changed.into()), &mut mistakes);
        match config {
            Some(config) if mistakes.0.is_empty() => Ok(config),
            _ => {
                mistakes.0.sort_by_key(|mistake| (mistake.line, mistake.column));
                Err(mistakes.0)
            }
        }
    }
}

// === impl ConfigError ===

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => write!(f, "{}: cannot be read: {error}", path.display()),
            Self::Mistaken { path, mistakes } => {
                for (nth, mistake) in mistakes.iter().enumerate() {
                    let line_feed = if nth == 0 { "" } else { "\n" };
                    write!(f, "{line_feed}{}: {mistake}", path.display())?;
                }
                Ok(())
            }
        }
    }
}

fn read(document: &Document, changed: &str, mistakes: &mut Mistakes) -> Option<Config> {
    let root = mistakes.note(document.root())?;
    let mut members = mistakes.note(root.members())?;

    let id_scope = members.need("idScope", "the id scope of the instance, such as \"0ne00ABCDEF\"");
    let id_scope = mistakes.note(id_scope.and_then(|node| read_scope(&node)));

    let hubs = members.need("linkedHubs", "the host names of the hubs linked to the instance");
    let hubs = mistakes.note(hubs.and_then(|node| Ok((node.items()?, node))));
    let hubs = hubs.map_or_else(Vec::new, |(items, node)| read_hubs(&node, &items, mistakes));

    let mut enrollments = Enrollments::default();
    let mut warnings = Vec::new();
    for (name, kind) in [("enrollmentGroups", Kind::Group), ("individualEnrollments", Kind::Individual)] {
        let Some(items) = members.take(name).and_then(|node| mistakes.note(node.items())) else { continue };
        for node in items {
            let Some(read) = record::read(&node, kind, &hubs, changed, mistakes) else { continue };
            warnings.extend(read.warnings);
            if !enrollments.add(read.enrollment) {
                mistakes.0.push(node.mistake("duplicate id: an earlier enrollment has it"));
            }
        }
    }
    for (_, node) in members.rest() {
        mistakes.0.push(node.mistake(
            "unknown member; expected idScope, linkedHubs, enrollmentGroups or individualEnrollments",
        ));
    }
    Some(Config { id_scope: id_scope?, hubs, enrollments, warnings })
}

fn read_scope(node: &Node<'_>) -> Result<String, Mistake> {
    let scope = node.string()?;
    if !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(scope)
    } else {
        Err(node.mistake("expected letters and digits, such as \"0ne00ABCDEF\""))
    }
}

fn read_hubs(node: &Node<'_>, items: &[Node<'_>], mistakes: &mut Mistakes) -> Vec<Hub> {
    let mut hubs: Vec<Hub> = Vec::new();
    if items.is_empty() {
        mistakes.0.push(node.mistake("expected at least one hub"));
    }
    for item in items {
        let Some(hub) = mistakes.note(read_hub(item)) else { continue };
        if hubs.iter().any(|earlier| earlier.name.eq_ignore_ascii_case(&hub.name)) {
            mistakes.0.push(item.mistake("this hub is linked twice"));
        } else {
            hubs.push(hub);
        }
    }
    hubs
}

fn read_hub(node: &Node<'_>) -> Result<Hub, Mistake> {
    if node.is_string() {
        return Ok(Hub { name: record::read_host(node)?, weight: 1 });
    }
    let mut members = node.members()?;
    let name = record::read_host(&members.need("name", "the hub's host name")?)?;
    let weight = match members.take("allocationWeight") {
        None => 1,
        Some(node) => match node.number()? {
            weight @ 1..=1000 => u32::try_from(weight).unwrap_or(1000),
            _ => return Err(node.mistake("expected a weight of 1 to 1000")),
        },
    };
    match members.rest().first() {
        Some((_, node)) => Err(node.mistake("unknown member; expected name or allocationWeight")),
        None => Ok(Hub { name, weight }),
    }
}
