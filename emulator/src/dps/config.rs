//! The configuration file: id scope, linked hubs, enrollments.

use std::fmt;
use std::path::Path;

/// What the stand-in is set up with, read from one JSON file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The id scope of the instance, such as `0ne00ABCDEF`.
    pub id_scope: String,
}

/// What is wrong with a configuration file.
#[derive(Debug)]
pub struct ConfigError {}

// === impl Config ===

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// All mistakes of the file, each with its place.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let _ = path;
        Err(ConfigError {})
    }
}

// === impl ConfigError ===

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not read yet")
    }
}
