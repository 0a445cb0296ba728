//! `app-package <app folder> <zip>`: packs the Function App and prints the zip's SHA-256 and path.
//!
//! The same files give the same bytes: the entries are sorted by name and have fixed modes and times. The mode of the
//! handler matters: on Linux the Functions host runs it only with the executable bit, which other tools that zip a
//! folder set for some spellings of its name and not for others
//! (<https://github.com/Azure/azure-functions-core-tools/issues/4753>,
//! <https://github.com/Azure/functions-action/issues/274>).
//!
//! Exit codes: 0 packed; 1 failed, with one line on standard error that says why.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

mod archive;
mod functions;
mod handler;
mod rules;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [app, zip] = arguments.as_slice() else {
        return report("expected two arguments: the app's folder and the zip to write");
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
    let host = read_host_json(app)?;
    handler::check_name(&host)?;
    handler::check_binary(&app.join(handler::NAME))?;
    let functions = functions::of(app, &host)?;
    let bytes = archive::of(app, &functions, &rules::of(app)?)?;
    if let Some(folder) = zip.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    }
    // Renamed into place, so that an interrupted run leaves no partial package.
    let partial = zip.with_extension("zip.partial");
    std::fs::write(&partial, &bytes)
        .map_err(|error| format!("cannot write {}: {error}", partial.display()))?;
    std::fs::rename(&partial, zip).map_err(|error| format!("cannot write {}: {error}", zip.display()))?;
    Ok(format!("{}  {}", archive::sha256(&bytes), zip.display()))
}

fn read_host_json(app: &Path) -> Result<Value, Box<dyn Error>> {
    let path = app.join("host.json");
    let text = std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(serde_json::from_slice(&text).map_err(|error| format!("{}: invalid JSON: {error}", path.display()))?)
}

fn report(message: &str) -> ExitCode {
    // If standard error is closed too, nothing can be reported.
    let _ = writeln!(std::io::stderr(), "app-package: {message}");
    ExitCode::FAILURE
}
