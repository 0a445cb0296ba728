//! How values on the command line are read.

use std::fs::File;
use std::io::{self, BufRead as _, Read as _};
use std::path::{self, PathBuf};
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};
use provisioning_service::registration_id::{RULE, is_id};
use serde_json::value::RawValue;
use symmetric_key::SymmetricKey;

use crate::cli::outcome::Stop;

/// More bytes than any key has.
const LONGEST_KEY: u64 = 4096;

/// The largest payload file read, bytes; the service takes 96 KB.
const LARGEST_PAYLOAD: u64 = 1024 * 1024;

/// A path, made absolute since the handler is started in another folder.
pub(super) fn absolute_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(path::absolute)
}

pub(super) fn registration_id(text: &str) -> Result<String, &'static str> {
    if is_id(text) { Ok(text.to_owned()) } else { Err(RULE) }
}

/// Registration ids with `{}` in place of a number.
pub(super) fn id_pattern(text: &str) -> Result<String, &'static str> {
    match text.matches("{}").count() {
        1 => Ok(text.to_owned()),
        _ => Err("expected a registration id with one {}, which stands for the device's number"),
    }
}

/// An id scope: no character of it has a meaning in a topic or a path.
pub(super) fn id_scope(text: &str) -> Result<String, &'static str> {
    let fits = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let expected = "expected 1 to 64 letters, digits and hyphens, such as 0ne00002193";
    if fits { Ok(text.to_owned()) } else { Err(expected) }
}

/// A time in seconds: `0.5` is half a second.
pub(super) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| *seconds <= 86_400.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or("expected 0 to 86400 seconds, such as 0.5")
}

/// The key that `source`, such as a flag, gives as `text`, or if that is `-` the first line of standard input.
///
/// Not a value parser of clap, which would repeat an invalid key in its error.
pub(super) fn key(source: &str, text: &str) -> Result<SymmetricKey, Stop> {
    let mut text = text.to_owned();
    if text == "-" {
        text.clear();
        let read = io::stdin().lock().take(LONGEST_KEY).read_line(&mut text);
        read.map_err(|error| Stop::Failed(format!("cannot read {source} from standard input: {error}")))?;
    }
    text.parse().map_err(|error| Stop::Usage(format!("{source}: {error}")))
}

/// A payload: JSON, or `@FILE` with a file that contains it.
pub(super) fn payload(given: &str) -> Result<Box<RawValue>, String> {
    let text = match given.strip_prefix('@') {
        Some(path) => file(path).map_err(|why| format!("cannot read {path}: {why}"))?,
        None => given.to_owned(),
    };
    serde_json::from_str(&text)
        .map_err(|error| format!("expected JSON, or @FILE with a file that contains it: {error}"))
}

fn file(path: &str) -> io::Result<String> {
    // Some files, such as devices and pipes, have no size beforehand.
    let text = io::read_to_string(File::open(path)?.take(LARGEST_PAYLOAD + 1))?;
    match text.len() as u64 {
        0..=LARGEST_PAYLOAD => Ok(text),
        _ => Err(io::Error::other(format!("it has more than {LARGEST_PAYLOAD} bytes"))),
    }
}
