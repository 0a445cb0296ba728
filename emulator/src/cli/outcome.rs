//! How a command ends.

use std::fmt::Display;
use std::io;

use thiserror::Error;

/// How a command that ran to its end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Success,
    /// A device was refused, something failed, or the output differs, and the command has said so: exit code 1.
    Failure,
}

/// Why a command did not run to its end.
#[derive(Debug, Error)]
pub enum Stop {
    /// The command line is invalid: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something else failed: exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl Stop {
    /// The command failed with `error`.
    pub(super) fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// The end of [`FunctionsHost::stopped`](functions_host::FunctionsHost::stopped).
    pub(super) fn handler_given_up() -> Self {
        Self::failed("the host has given up its handler; the log above says why")
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(format!("cannot write the output: {error}"))
    }
}
