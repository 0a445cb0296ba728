//! The zip: which files, in which order, with which modes.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Cursor, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::{functions, handler};

/// What the *Test* page of the portal shows as a function's request; optional.
const SAMPLE: &str = "sample.dat";

/// The package of the app in this folder, which has these functions and these files of its rules: what `.funcignore`
/// lets through.
pub(crate) fn of(app: &Path, functions: &[String], rules: &[String]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode) in files(app, functions, rules) {
        let path = app.join(&name);
        let bytes =
            std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        // The earliest time a zip can hold: with the files' own times every build would have other bytes.
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

/// The files by path, each with its Unix mode: only the handler has the executable bit.
fn files(app: &Path, functions: &[String], rules: &[String]) -> BTreeMap<String, u32> {
    let mut files = BTreeMap::from([(handler::NAME.to_owned(), 0o755), ("host.json".to_owned(), 0o644)]);
    files.extend(rules.iter().map(|file| (file.clone(), 0o644)));
    for function in functions {
        files.insert(format!("{function}/{}", functions::FILE), 0o644);
        let sample = format!("{function}/{SAMPLE}");
        if app.join(&sample).exists() {
            files.insert(sample, 0o644);
        }
    }
    files
}
