//! The zip itself: which files, in which order, with which modes.

use std::error::Error;
use std::io::{Cursor, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::handler;

/// What is shipped, in the order of the zip, each with its Unix mode: the executable bit is for the handler alone.
const FILES: [(&str, u32); 4] = [
    ("HttpTrigger1/function.json", 0o644),
    ("HttpTrigger1/sample.dat", 0o644),
    (handler::NAME, 0o755),
    ("host.json", 0o644),
];

/// The package of the app in this folder.
pub(crate) fn of(app: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode) in FILES {
        let path = app.join(name);
        let bytes =
            std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        // The earliest time a zip can hold: the files' own times would make every build's bytes different.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(mode);
        zip.start_file(name, options)?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The lower-case hexadecimal SHA-256 of these bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
