//! Where assignments survive a restart: one file in the state folder.

use std::fmt;
use std::path::Path;

use crate::journal::Journal;

/// The assignments of all devices, in memory and on disk.
#[derive(Debug)]
pub struct Store {}

/// Why assignments could not be read or kept.
#[derive(Debug)]
pub struct StoreError {}

// === impl Store ===

impl Store {
    /// Opens the store in `folder`, which is made if it is not there. A torn last line, the trace of a
    /// crash, is dropped and reported to `journal`.
    ///
    /// # Errors
    ///
    /// The folder or file cannot be read or written, or the file is damaged.
    pub fn open(folder: &Path, journal: &Journal) -> Result<Self, StoreError> {
        let _ = (folder, journal);
        Ok(Self {})
    }
}

// === impl StoreError ===

impl std::error::Error for StoreError {}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not read yet")
    }
}
