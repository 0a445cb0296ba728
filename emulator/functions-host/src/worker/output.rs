//! What the handler writes to stdout and stderr, line by line, at the level that the host gives it.
//! Rules: `WorkerProcess.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/ProcessManagement>.

use std::collections::VecDeque;

use journal::{Journal, Level};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// Longer lines are logged in pieces.
const LINE_LIMIT: u64 = 64 * 1024;
/// A line with this prefix (in lower case) is the worker's own, for the host's log and not for the function's.
const SYSTEM_PREFIX: &str = "languageworkerconsolelog";
/// A line with this prefix is for tools that drive `func`.
const TOOLING_PREFIX: &str = "azfuncjsonlog:";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
    /// With `useStdErrorStreamForErrorsOnly` false: errors and warnings where the line says so.
    MixedStderr,
}

/// Logs each line of `stream`, to its end. Returns the last three that counted as errors.
pub(crate) async fn log(stream: impl AsyncRead + Unpin, kind: Stream, journal: Journal) -> Vec<String> {
    let mut reader = BufReader::new(stream);
    let mut errors = VecDeque::new();
    let mut line = Vec::new();
    while let Ok(1..) = (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut line).await {
        errors.extend(log_line(kind, &line, &journal));
        errors.drain(..errors.len().saturating_sub(3));
        line.clear();
    }
    errors.into()
}

/// Logs a line; returns it if it counts as an error.
fn log_line(kind: Stream, line: &[u8], journal: &Journal) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.strip_suffix('\n').unwrap_or(&line).trim_end_matches('\r');
    let lower = line.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let level = match kind {
        Stream::Stdout => Level::Information,
        _ if says(&["warn"]) => Level::Warning,
        Stream::Stderr => Level::Error,
        Stream::MixedStderr if says(&["error", "fail", "severe", "unhandled exception"]) => Level::Error,
        Stream::MixedStderr => Level::Information,
    };
    if !lower.starts_with(SYSTEM_PREFIX) {
        if !lower.starts_with(TOOLING_PREFIX) {
            journal.say(level, line);
        }
    } else if level > Level::Information {
        // `func` shows the host's own log from Warning on.
        journal.say(level, &line[SYSTEM_PREFIX.len()..]);
    }
    (level == Level::Error && !line.is_empty()).then(|| line.to_owned())
}
