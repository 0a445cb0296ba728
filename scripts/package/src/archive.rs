//! The zip itself: which files, in which order, with which modes.

use std::error::Error;
use std::io::{Cursor, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::handler;

/// The function's folder; every file in it is shipped.
const FUNCTION: &str = "HttpTrigger1";

/// The package of the app in this folder.
pub(crate) fn of(app: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut names = vec!["host.json".to_owned(), handler::NAME.to_owned()];
    names.extend(function_files(app)?);
    names.sort();

    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in &names {
        let path = app.join(name);
        let bytes =
            std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let mode = if name == handler::NAME { 0o755 } else { 0o644 };
        // The earliest time a zip can hold: the files' own times would make every build's bytes different.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(mode);
        zip.start_file(name.as_str(), options)?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The lower-case hexadecimal SHA-256 of these bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn function_files(app: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let folder = app.join(FUNCTION);
    let wanted = |error| format!("cannot read {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(wanted)? {
        let entry = entry.map_err(wanted)?;
        let name =
            entry.file_name().into_string().map_err(|_| "a file's name in the function is not UTF-8")?;
        if !entry.file_type().map_err(wanted)?.is_file() {
            return Err(format!("{FUNCTION}/{name} is no plain file; the package holds nothing else").into());
        }
        names.push(format!("{FUNCTION}/{name}"));
    }
    if !names.iter().any(|name| *name == format!("{FUNCTION}/function.json")) {
        return Err(format!("{} has no function.json", folder.display()).into());
    }
    Ok(names)
}
