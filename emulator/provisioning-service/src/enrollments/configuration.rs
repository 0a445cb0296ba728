//! The configuration file: id scope, linked hubs, enrollments.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::enrollments::document::{Document, Node};
use crate::enrollments::enrollment::{Enrollments, Kind};
use crate::enrollments::linked_hub::{self, Hub};
use crate::enrollments::mistake::Mistake;
use crate::enrollments::{az_output, record};

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

/// Why a configuration cannot be used: which file, and what is wrong.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {_1}", _0.display())]
    Unreadable(PathBuf, io::Error),
    /// The file has mistakes: all of them, in the order of the file.
    #[error("{}", lines(.0, .1))]
    Mistaken(PathBuf, Vec<Mistake>),
}

// === impl Config ===

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has mistakes: all of them, each with its place.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|error| ConfigError::Unreadable(path.to_owned(), error))?;
        Self::parse(&text).map_err(|mistakes| ConfigError::Mistaken(path.to_owned(), mistakes))
    }

    /// Reads `text`, as if from a file.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order of the text.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let mut document = Document::parse(text).map_err(|mistake| vec![mistake])?;
        az_output::normalize(&mut document.root);
        let config = read(&document.root());
        let (mistakes, warnings) = document.findings();
        match config {
            Some(config) if mistakes.is_empty() => {
                let warnings = warnings.iter().map(ToString::to_string).collect();
                Ok(Self { warnings, ..config })
            }
            _ => Err(mistakes),
        }
    }
}

/// A line for each mistake.
fn lines(path: &Path, mistakes: &[Mistake]) -> String {
    let lines = mistakes.iter().map(|mistake| format!("{}: {mistake}", path.display()));
    lines.collect::<Vec<_>>().join("\n")
}

fn read(root: &Node<'_>) -> Option<Config> {
    let mut members = root.members()?;
    let id_scope = members.need("idScope", "the id scope of the instance, such as \"0ne00ABCDEF\"");
    let id_scope = id_scope
        .and_then(|node| node.string_that(is_scope, "expected letters and digits, such as \"0ne00ABCDEF\""));
    let hubs = members.need("linkedHubs", "the host names of the hubs linked to the instance");
    let hubs = hubs.map_or_else(Vec::new, |node| linked_hub::read(&node));

    let mut enrollments = Enrollments::default();
    for (name, kind) in [("enrollmentGroups", Kind::Group), ("individualEnrollments", Kind::Individual)] {
        let items = members.take(name).and_then(|node| node.items());
        for node in items.unwrap_or_default() {
            let Some(enrollment) = record::read(&node, kind, &hubs) else { continue };
            if !enrollments.add(enrollment) {
                node.mistake("duplicate id: an earlier enrollment has it");
            }
        }
    }
    for (_, node) in members.rest() {
        node.mistake(
            "unknown member; expected idScope, linkedHubs, enrollmentGroups or individualEnrollments",
        );
    }
    Some(Config { id_scope: id_scope?.to_owned(), hubs, enrollments, warnings: Vec::new() })
}

fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
