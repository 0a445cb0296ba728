//! Where the process says things, and in which form.
//!
//! The Functions host reads a handler's output line by line and takes its level from where it finds it:
//! standard output is Information; standard error is Warning when the line holds "warn" in any casing,
//! otherwise Error (`WorkerProcess.cs` and `HttpWorkerDescription.cs` in
//! <https://github.com/Azure/azure-functions-host>). So each record goes where it keeps its level, in one
//! line, and the word is put into warnings and kept out of errors. The host stamps lines itself and
//! does not show colours.
//!
//! No line is written by the thread that has something to say: they go through a queue, and a full pipe
//! holds nobody up.
//!
//! The lines of an invocation do not come this way when they can travel in its reply (see
//! [`crate::invocation`]).

use std::env;
use std::io;
use std::panic;
use std::time::{Duration, Instant};

use env_logger::Builder;
use env_logger::fmt::Formatter;
use log::{Level, Record};

mod queue;

use self::queue::Queue;

/// How long [`Log`] may take to write what is queued when the process ends.
const FLUSH: Duration = Duration::from_secs(2);

/// For whom the lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The Functions host: bare lines.
    Host,
    /// A person: lines as the portal shows them, `2020-09-23T11:44:41.380 [Information] …`.
    Person,
}

/// The log of the process. Dropped, it writes what is queued, for at most two seconds.
#[must_use = "dropped, it writes what is queued"]
#[derive(Debug)]
pub struct Log {
    streams: Streams,
}

#[derive(Clone, Debug)]
struct Streams {
    output: Queue,
    error: Queue,
}

/// Starts logging at level Information, or as `RUST_LOG` says, and sends panics there too.
///
/// # Errors
///
/// When the system has no thread to give.
pub fn start(reader: Reader) -> io::Result<Log> {
    let streams = Streams {
        output: Queue::start(io::stdout(), "standard output", dropped_lines)?,
        error: Queue::start(io::stderr(), "standard error", dropped_lines)?,
    };
    let filter = env::var("RUST_LOG").unwrap_or_default();
    // An app setting that was emptied is there, and means no more than one that is not.
    let filter = if filter.trim().is_empty() { "info" } else { &filter };
    let mut builder = Builder::new();
    builder.parse_filters(filter);
    let log = Log { streams: streams.clone() };
    builder.format(move |formatter, record| {
        streams.write(formatter, record, reader);
        Ok(())
    });
    builder.init();
    panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    Ok(log)
}

/// What stands in place of lines that nobody read in time.
fn dropped_lines(count: u64) -> String {
    format!(
        "Warning: {count} lines were dropped here, because the lines before them were not read in time.\n"
    )
}

fn for_host(level: Level, text: &str) -> String {
    match level {
        Level::Error => format!("Error: {}\n", without_warn(text)),
        Level::Warn => format!("Warning: {text}\n"),
        Level::Info if is_command(text) => format!(" {text}\n"),
        Level::Info => format!("{text}\n"),
        Level::Debug | Level::Trace => format!("{}: {text}\n", name(level)),
    }
}

/// A record is a line; what it quotes may hold line ends of any kind, and what a terminal obeys.
fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace(|character: char| character.is_control() && character != '\t', " ")
}

/// An error that quotes the word would be taken for a warning.
fn without_warn(text: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.to_ascii_lowercase().match_indices("warn") {
        broken.push_str(&text[from..=at]);
        broken.push('-');
        from = at + 1;
    }
    broken + &text[from..]
}

/// The host takes lines that begin so for messages to itself.
fn is_command(text: &str) -> bool {
    ["languageworkerconsolelog", "azfuncjsonlog:"]
        .iter()
        .any(|prefix| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

/// The level's name in the portal's log.
const fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "Error",
        Level::Warn => "Warning",
        Level::Info => "Information",
        Level::Debug => "Debug",
        Level::Trace => "Trace",
    }
}

// === impl Log ===

impl Drop for Log {
    fn drop(&mut self) {
        let deadline = Instant::now() + FLUSH;
        self.streams.output.flush(deadline);
        self.streams.error.flush(deadline);
    }
}

// === impl Streams ===

impl Streams {
    fn write(&self, formatter: &Formatter, record: &Record<'_>, reader: Reader) {
        let text = one_line(&record.args().to_string());
        let line = match reader {
            Reader::Host => for_host(record.level(), &text),
            Reader::Person => {
                let stamp = formatter.timestamp_millis().to_string();
                format!("{} [{}] {text}\n", stamp.trim_end_matches('Z'), name(record.level()))
            }
        };
        let stream = if record.level() <= Level::Warn { &self.error } else { &self.output };
        stream.push(line);
    }
}
