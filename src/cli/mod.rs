//! The command line: none to serve, or a question about the program, its rules or a decision.

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::{Map, Value};

mod check;
mod explain;

pub use self::check::check;
pub use self::explain::explain;

/// What the process is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Serve the function app: the handler is started without arguments.
    Serve,
    /// Print [`HELP`].
    Help,
    /// Print [`version`].
    Version,
    /// Check a rules file; the app's, if none is named.
    Check(Option<PathBuf>),
    /// Explain a decision.
    Explain(Explain),
}

/// Which decision to explain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explain {
    /// The file with the allocation request, as DPS sends it; `-` for standard input.
    pub request: PathBuf,
    /// A rules file in place of the app's policy.
    pub rules: Option<PathBuf>,
    /// What look-ups find, by their names, in place of asking them.
    pub with: Vec<(String, Option<Map<String, Value>>)>,
}

/// What a command has to say on standard output, and its exit code.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// The text.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

/// The exit code for a command line, a setting or a file that is wrong: `EX_USAGE`.
pub const USAGE: u8 = 64;

/// What `--help` prints.
pub const HELP: &str = "\
handler: the webhook of a DPS custom allocation policy, as an Azure Functions custom handler.

Usage:
  handler                      serve the app; so the Functions host starts it
  handler check [FILE]         check a rules file (allocation.yaml of the app), and say which files the app ships
  handler explain [--rules FILE] [--with NAME=JSON]… REQUEST.json
                               explain the decision on an allocation request, a body as DPS sends it: each rule up
                               to the one that held, the log and the answer. Look-ups are asked unless --with says
                               what they find: --with device='{\"status\":\"retired\"}', or device=null for nothing
  handler --help | --version

By hand it serves the app of the working folder on http://127.0.0.1:3000; stop it with Ctrl-C.

Environment variables (app settings on Azure, Values of local.settings.json under func):
  FUNCTIONS_CUSTOMHANDLER_PORT   port on 127.0.0.1; the host sets it (3000)
  FUNCTIONS_APP_ROOT_PATH        folder with host.json and the functions; the host sets it (the working folder)
  ALLOCATION_POLICY              toasters, divisions or rules (rules if the app has an allocation.yaml, or else
                                 toasters)
  ALLOCATION_RULES               the rules file, relative to the app's folder (allocation.yaml)
  ALLOCATION_LOOKUP_TIMEOUT      seconds for all look-ups of one decision (3)
  ALLOCATION_LOG_BODY            what the log shows of a request: full, without-payload or none (full)
  ALLOCATION_BODY_LIMIT          largest allocation request in bytes, at most 16777216 (1048576)
  RUST_LOG                       what the process says: error, warn, info, debug or trace (info)
  Any other ALLOCATION_… is a setting of the policy: settings.… in rules.

Exit codes:
  0     asked to stop (SIGTERM or SIGINT); check: no mistakes; explain: assigned
  1     cannot listen on its port, or cannot start; check: mistakes; explain: refused, or ask again
  64    an argument, a setting or a file is wrong
  200   asked to stop by SIGTERM under the Functions host, which starts it again
";

/// Reads the arguments, without the program's own name.
///
/// # Errors
///
/// A sentence about the first argument that is not known.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments = arguments.into_iter();
    let Some(first) = arguments.next() else { return Ok(Command::Serve) };
    let command = match first.to_str() {
        Some("--help" | "-h") => Command::Help,
        Some("--version" | "-V") => Command::Version,
        Some("check") => return parse_check(arguments),
        Some("explain") => return parse_explain(arguments),
        _ => return Err(unknown(&first, "none, check, explain, --help or --version")),
    };
    arguments.next().map_or(Ok(command), |more| Err(unknown(&more, "no more")))
}

fn parse_check(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let file = match arguments.next() {
        Some(option) if is_help(&option) => return Ok(Command::Help),
        Some(option) if is_option(&option) => return Err(unknown(&option, "a rules file")),
        file => file.map(PathBuf::from),
    };
    arguments.next().map_or(Ok(Command::Check(file)), |more| Err(unknown(&more, "one rules file")))
}

fn parse_explain(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut explain = Explain::default();
    let mut request = None;
    while let Some(argument) = arguments.next() {
        let (name, mut value) = match argument.to_str().and_then(|text| text.split_once('=')) {
            Some((name, value)) if name.starts_with("--") => {
                (OsString::from(name), Some(OsString::from(value)))
            }
            _ => (argument.clone(), None),
        };
        let mut value = |expected: &str| {
            let value = value.take().or_else(|| arguments.next());
            value.ok_or_else(|| format!("{} expects {expected}", name.display()))
        };
        match name.to_str() {
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--rules") => explain.rules = Some(value("a rules file")?.into()),
            Some("--with") => explain.with.push(found(&value("NAME=JSON")?)?),
            _ if is_option(&argument) && argument != "-" => {
                return Err(unknown(&argument, "--rules FILE, --with NAME=JSON and a file with the request"));
            }
            _ if request.is_some() => return Err(unknown(&argument, "one file with the request")),
            _ => request = Some(argument.into()),
        }
    }
    explain.request = request.ok_or("explain expects a file with the request, or - for standard input")?;
    Ok(Command::Explain(explain))
}

/// `device={"status":"retired"}`: what the look-up `device` finds.
fn found(text: &OsString) -> Result<(String, Option<Map<String, Value>>), String> {
    let expected = || {
        format!(
            "--with expects NAME=JSON with an object or null, such as device='{{\"status\":\"retired\"}}'; found {text:?}"
        )
    };
    let (name, json) = text.to_str().and_then(|text| text.split_once('=')).ok_or_else(expected)?;
    let found: Option<Map<String, Value>> = serde_json::from_str(json).map_err(|_| expected())?;
    Ok((name.to_owned(), found))
}

fn is_help(argument: &OsString) -> bool {
    argument == "--help" || argument == "-h"
}

fn is_option(argument: &OsString) -> bool {
    argument.to_string_lossy().starts_with('-')
}

fn unknown(argument: &OsString, expected: &str) -> String {
    format!("Unknown argument {argument:?}; expected {expected}")
}

/// What `--version` prints.
#[must_use]
pub fn version() -> String {
    format!("handler {} ({})\n", env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_NAME"))
}
