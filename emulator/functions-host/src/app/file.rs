//! A JSON file of an app, and the mistakes in one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::newtonsoft;

/// A mistake in the app's folder: in which file, where in it, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {problem}", file.display())]
pub struct AppError {
    file: PathBuf,
    problem: String,
}

impl AppError {
    /// The `problem` at `place` (empty for the file as a whole) in `file`.
    pub(crate) fn new(file: &Path, place: &str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        let problem = if place.is_empty() { problem } else { format!("{place}: {problem}") };
        Self { file: file.to_owned(), problem }
    }
}

/// The object in `file`, or `None` where there is no such file.
pub(crate) fn read(file: &Path) -> Result<Option<Value>, AppError> {
    let mistake = |problem: String| Err(AppError::new(file, "", problem));
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return mistake(error.to_string()),
    };
    // Windows editors put a byte order mark first.
    match newtonsoft::parse(text.strip_prefix('\u{feff}').unwrap_or(&text)) {
        Ok(value @ Value::Object(_)) => Ok(Some(value)),
        Ok(_) => mistake("expected a JSON object".to_owned()),
        Err(error) => mistake(format!("invalid JSON: {error}")),
    }
}

pub(crate) fn typed<T: DeserializeOwned>(file: &Path, value: Value) -> Result<T, AppError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (place, problem) = (error.path().to_string(), error.inner().to_string());
        let place = if place == "." { "" } else { &place };
        // serde's "invalid type: integer `5`, expected a string", the other way round.
        match problem.split_once(": ").and_then(|(_, rest)| rest.split_once(", expected ")) {
            Some((found, expected)) => {
                AppError::new(file, place, format!("expected {expected}, found {found}"))
            }
            None => AppError::new(file, place, problem),
        }
    })
}
