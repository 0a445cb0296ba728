use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write as _};

/// How a command ends. One that runs to its end returns false if it has printed that something failed: exit code 1.
pub(super) type Outcome = Result<bool, Stop>;

/// Why a command did not run to its end.
pub(super) enum Stop {
    /// The command line is invalid: exit code 2.
    Usage(String),
    /// Exit code 1.
    Failed(String),
}

impl<E: Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Prints `text` to standard output.
pub(super) fn print(text: impl Display) -> Result<(), Stop> {
    write!(io::stdout(), "{text}").map_err(not_written)
}

pub(super) fn not_written(error: io::Error) -> Stop {
    Stop::Failed(format!("cannot write the output: {error}"))
}
