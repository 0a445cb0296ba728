//! The command line: none to serve, or a question about the program.

use std::ffi::OsString;

/// What the process is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve the function app: the handler is started without arguments.
    Serve,
    /// Print [`HELP`].
    Help,
    /// Print [`version`].
    Version,
}

/// What `--help` prints.
pub const HELP: &str = "\
handler: the webhook of a DPS custom allocation policy, as an Azure Functions custom handler.

Usage: handler [--help | --version]

The Functions host starts it without arguments. By hand it serves the app of the working folder on
http://127.0.0.1:3000; stop it with Ctrl-C.

Environment variables (app settings on Azure, Values of local.settings.json under func):
  FUNCTIONS_CUSTOMHANDLER_PORT   port on 127.0.0.1; the host sets it (3000)
  FUNCTIONS_APP_ROOT_PATH        folder with host.json and the functions; the host sets it (the working folder)
  ALLOCATION_BODY_LIMIT          largest allocation request in bytes, at most 16777216 (1048576)
  RUST_LOG                       what the process says: error, warn, info, debug or trace (info)

Exit codes:
  0     asked to stop (SIGTERM or SIGINT)
  1     cannot listen on its port, or cannot start
  64    an argument, a setting or a file of the app is wrong
  200   asked to stop by SIGTERM under the Functions host, which starts it again
";

/// Reads the arguments, without the program's own name.
///
/// # Errors
///
/// A sentence about the first argument that is not known.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let known = |argument: &OsString| match argument.to_str() {
        Some("--help" | "-h") => Some(Command::Help),
        Some("--version" | "-V") => Some(Command::Version),
        _ => None,
    };
    match arguments.as_slice() {
        [] => Ok(Command::Serve),
        [only] if known(only).is_some() => Ok(known(only).unwrap_or(Command::Help)),
        [first, rest @ ..] => {
            let unknown = rest.iter().find(|_| known(first).is_some()).unwrap_or(first);
            Err(format!("Unknown argument {unknown:?}; expected none, --help or --version"))
        }
    }
}

/// What `--version` prints.
#[must_use]
pub fn version() -> String {
    format!("handler {} ({})\n", env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_NAME"))
}
