//! `app-package <app folder> <zip>`: packs the Function App and prints the zip's SHA-256 and path.
//!
//! The same files give the same bytes: the entries are a fixed list in a fixed order, with fixed modes and times.
//! The list and the modes matter more than they seem. The Functions host runs the file that `host.json` names,
//! on Linux only if it has the executable bit, and the tools that zip a folder set that bit for some spellings of
//! the name and not for others (<https://github.com/Azure/azure-functions-core-tools/issues/4753>,
//! <https://github.com/Azure/functions-action/issues/274>).
//!
//! Exit codes: 0 packed; 1 refused, with one line on standard error that says what was wanted.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

mod archive;
mod handler;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [app, zip] = arguments.as_slice() else {
        return report("wanted two arguments: the app's folder and the zip to write");
    };
    match pack(Path::new(app), Path::new(zip)) {
        Ok(line) => match writeln!(std::io::stdout(), "{line}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report(&format!("cannot write to standard output: {error}")),
        },
        Err(error) => report(&error.to_string()),
    }
}

/// Checks the handler, writes the zip, and gives the line `<SHA-256>  <zip>`, as `sha256sum` prints it.
fn pack(app: &Path, zip: &Path) -> Result<String, Box<dyn Error>> {
    handler::check_name(app)?;
    handler::check_binary(&app.join(handler::NAME))?;
    let bytes = archive::of(app)?;
    if let Some(folder) = zip.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    // Renamed into place, so that an interrupted run leaves no half of a package behind.
    let partial = zip.with_extension("zip.partial");
    std::fs::write(&partial, &bytes)
        .map_err(|error| format!("cannot write {}: {error}", partial.display()))?;
    std::fs::rename(&partial, zip).map_err(|error| format!("cannot write {}: {error}", zip.display()))?;
    Ok(format!("{}  {}", archive::sha256(&bytes), zip.display()))
}

fn report(message: &str) -> ExitCode {
    // Nothing is left to do if standard error is closed too.
    let _ = writeln!(std::io::stderr(), "app-package: {message}");
    ExitCode::FAILURE
}
