//! The configuration file: id scope, linked hubs, enrollments.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::enrollments::document::{self, Mistake, Node};
use crate::enrollments::enrollment::{Enrollments, Kind};
use crate::enrollments::linked_hub::{self, Hub};
use crate::enrollments::{az_output, record};

/// What the stand-in is set up with, read from one JSON file: `{"idScope": "…", "linkedHubs": ["…"], "enrollmentGroups":
/// […], "individualEnrollments": […]}`. Enrollments have the shape of the service's REST API, version 2021-10-01;
/// `sample.jsonc` of dps-emulator shows and explains every member.
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

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has mistakes: all of them, each with its place.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => ConfigError::Unreadable(
                path.to_owned(),
                io::Error::other("not valid UTF-8; save it as UTF-8"),
            ),
            _ => ConfigError::Unreadable(path.to_owned(), error),
        })?;
        Self::parse(&text).map_err(|mistakes| ConfigError::Mistaken(path.to_owned(), mistakes))
    }

    /// Reads `text`, as if from a file.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order of the text.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let (mut root, findings) = document::parse(text)?;
        az_output::normalize(&mut root);
        let config = read(findings.root(root));
        let (mistakes, warnings) = findings.into_mistakes_and_warnings();
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

fn read(root: Node<'_>) -> Option<Config> {
    let mut root = root.object()?;
    let scope = root.need("idScope", "the id scope of the instance, such as \"0ne00ABCDEF\"");
    let rule = "expected letters and digits, such as \"0ne00ABCDEF\"";
    let id_scope = scope.and_then(|node| node.string_that(is_scope, rule));
    let hubs = root.need("linkedHubs", "the host names of the hubs linked to the instance");
    let hubs = hubs.map_or_else(Vec::new, linked_hub::read);

    let mut enrollments = Enrollments::default();
    for (name, kind) in [("enrollmentGroups", Kind::Group), ("individualEnrollments", Kind::Individual)] {
        for node in root.take(name).and_then(Node::items).unwrap_or_default() {
            let Some(enrollment) = record::read(node.clone(), kind, &hubs) else { continue };
            if !enrollments.add(enrollment) {
                node.mistake("duplicate id: an earlier enrollment has it");
            }
        }
    }
    let known = "idScope, linkedHubs, enrollmentGroups or individualEnrollments";
    root.rest().iter().for_each(|(_, node)| node.mistake(format!("unknown member; expected {known}")));
    Some(Config { id_scope: id_scope?, hubs, enrollments, warnings: Vec::new() })
}

fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
