//! What the host prints: the words of `func start`, entry by entry, into the journal.
//!
//! The words: `ColoredConsoleLogger.cs` and `DisplayFunctionsInfoUtilities.cs` in
//! <https://github.com/Azure/azure-functions-core-tools>, and the log in
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::function::Function;
use super::process::Exit;
use journal::{Journal, Level};

/// A line with this prefix is the worker's own, for the host's log and not for the function's.
const SYSTEM_PREFIX: &str = "LanguageWorkerConsoleLog";

/// A line with this prefix is for tools that drive `func`.
const TOOLING_PREFIX: &str = "azfuncjsonlog:";

/// What the host prints.
#[derive(Clone, Debug)]
pub(super) struct Console {
    journal: Journal,
    /// `useStdErrorStreamForErrorsOnly` of host.json.
    stderr_is_errors: bool,
}

/// Where the handler wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output: information.
    Stdout,
    /// Standard error: errors, and warnings where the line says so.
    Stderr,
}

impl Console {
    /// A console that prints into `journal`.
    pub(super) fn new(journal: Journal, stderr_is_errors: bool) -> Self {
        Self { journal, stderr_is_errors }
    }

    /// The list of functions with their methods and addresses.
    pub(super) fn functions(&self, functions: &[Function]) {
        let mut list = String::from("\nFunctions:\n");
        for Function { name, methods, url, .. } in functions {
            let methods =
                if methods.is_empty() { String::new() } else { format!("[{}] ", methods.join(",")) };
            let _ = write!(list, "\n\t{name}: {methods}{url}\n");
        }
        self.journal.info(list);
    }

    /// The handler answered for the first time.
    pub(super) fn started(&self) {
        self.journal.info("Worker process started and initialized.");
    }

    /// The handler did not answer in time.
    pub(super) fn not_started(&self, port: u16, waited: Duration) {
        self.journal.error(format!(
            "Failed to start http worker process. Initializing HttpWorker timed out: nothing answered on 127.0.0.1:{port} within {waited:?}"
        ));
    }

    /// The handler could not be started at all.
    pub(super) fn not_spawned(&self, executable: &Path, error: &std::io::Error) {
        self.journal.error(format!(
            "Failed to start Worker Channel. Process fileName: {}: {error}",
            executable.display()
        ));
    }

    /// The handler ended by itself with a failure.
    pub(super) fn exited(&self, executable: &Path, exit: &Exit) {
        let Exit { pid, code, errors } = exit;
        let mut text = format!(
            "Language Worker Process exited. Pid={pid}.\n{} exited with code {code} (0x{code:X})",
            executable.display()
        );
        if !errors.is_empty() {
            let _ = write!(text, "\n{}", errors.join(","));
        }
        self.journal.error(text);
    }

    /// The handler ended by itself with code 0, which the real host overlooks.
    pub(super) fn exited_with_success(&self, executable: &Path) {
        self.journal.warn(format!(
            "{} exited with code 0: the host takes that for no failure and does not restart it, so that every call fails from now on",
            executable.display()
        ));
    }

    /// The handler failed for the third time.
    pub(super) fn gave_up(&self) {
        self.journal.error("Exceeded http worker restart retry count. Shutting down Functions Host");
    }

    /// A call waited for the handler without success.
    pub(super) fn never_ready(&self) {
        self.journal.error("Final functionDispatcher state: Initializing. Initialization timed out and host is shutting down");
    }

    /// A call begins.
    pub(super) fn executing(&self, function: &str, id: Uuid) {
        self.journal.info(format!(
            "Executing 'Functions.{function}' (Reason='This function was programmatically called via the host APIs.', Id={id})"
        ));
    }

    /// What the function logged in a call, an entry each.
    pub(super) fn logs(&self, logs: Vec<String>) {
        for log in logs.into_iter().filter(|log| !log.is_empty()) {
            self.journal.info(log);
        }
    }

    /// Something about the call that the real host does not log.
    pub(super) fn note(&self, function: &str, id: Uuid, text: &str) {
        self.journal.warn(format!("Functions.{function} (Id={id}): {text}"));
    }

    /// A call ends well, whatever status its caller is given.
    pub(super) fn succeeded(&self, function: &str, id: Uuid, took: Duration) {
        self.journal.info(executed(function, id, took, "Succeeded"));
    }

    /// A call ends badly; its caller is given an empty 500.
    pub(super) fn failed(&self, function: &str, id: Uuid, took: Duration, reason: &str) {
        self.journal.error(format!(
            "{}\nException while executing function: Functions.{function}. {reason}",
            executed(function, id, took, "Failed")
        ));
    }

    /// A call took too long.
    pub(super) fn timed_out(&self, function: &str, id: Uuid, limit: Duration) {
        let (seconds, millis) = (limit.as_secs(), limit.subsec_millis());
        let mut span = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        if millis > 0 {
            let _ = write!(span, ".{millis:03}");
        }
        self.journal.error(format!(
            "Timeout value of {span} exceeded by function 'Functions.{function}' (Id: '{id}'). Initiating cancellation."
        ));
    }

    /// A caller was refused before any function was called, for a `reason`.
    pub(super) fn refused(&self, status: u16, reason: &str) {
        self.journal.warn(format!("{status}: {reason}"));
    }

    /// A connection is closed that its caller did not close, for a `reason`.
    pub(super) fn closed(&self, reason: &str) {
        self.journal.warn(format!("connection closed: {reason}"));
    }

    /// A line that the handler wrote, at the level the host gives it. Returns it if that is Error.
    ///
    /// Rules: `WorkerProcess.cs` in
    /// <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/ProcessManagement>.
    pub(super) fn handler_line(&self, stream: Stream, line: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        let level = self.level(stream, line);
        if !has_prefix(line, TOOLING_PREFIX) {
            match has_prefix(line, SYSTEM_PREFIX) {
                false => self.journal.say(level, line),
                // `func` shows the host's own log from Warning on.
                true if level == Level::Information => {}
                true => self.journal.say(level, &line[SYSTEM_PREFIX.len()..]),
            }
        }
        (level == Level::Error && !line.is_empty()).then(|| line.to_owned())
    }

    fn level(&self, stream: Stream, line: &str) -> Level {
        if stream == Stream::Stdout {
            return Level::Information;
        }
        let line = line.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| line.contains(word));
        if says(&["warn"]) {
            Level::Warning
        } else if self.stderr_is_errors || says(&["error", "fail", "severe", "unhandled exception"]) {
            Level::Error
        } else {
            Level::Information
        }
    }
}

fn executed(function: &str, id: Uuid, took: Duration, how: &str) -> String {
    format!("Executed 'Functions.{function}' ({how}, Id={id}, Duration={}ms)", took.as_millis())
}

fn has_prefix(line: &str, prefix: &str) -> bool {
    line.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_level_that_the_host_gives_it() {
        use Level::{Error, Information, Warning};
        for (errors_only, stream, line, expected) in [
            (true, Stream::Stdout, "ERROR: no", Some(Information)),
            (true, Stream::Stderr, "listening", Some(Error)),
            (true, Stream::Stderr, "[WARN] slow", Some(Warning)),
            (true, Stream::Stderr, "error: prewarned", Some(Warning)),
            (false, Stream::Stderr, "listening", Some(Information)),
            (false, Stream::Stderr, "it FAILed", Some(Error)),
            (true, Stream::Stdout, "LanguageWorkerConsoleLoghidden", None),
            (true, Stream::Stderr, "languageworkerconsolelogshown", Some(Error)),
            (true, Stream::Stderr, "azfuncjsonlog:{}", None),
        ] {
            let (journal, kept) = Journal::kept();
            Console::new(journal, errors_only).handler_line(stream, line.as_bytes());
            assert_eq!(kept.entries().first().map(|entry| entry.level), expected, "{line}");
        }
    }
}
