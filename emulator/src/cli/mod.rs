//! The command line: what each command takes, and how its outcome becomes an exit code.

mod app;
mod derive_key;
mod device;
mod dps;
mod fleet;
mod host;
mod interrupt;
mod key;
mod open_files;
mod registration_id;
mod target;
mod tutorial;
mod up;

use std::fmt;
use std::io;

use clap::{Parser, Subcommand};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(version, about, long_about = LONG_ABOUT, after_help = AFTER_HELP)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LONG_ABOUT: &str = "\
Stand-ins for the Azure Functions host and the Device Provisioning Service (DPS), and simulated \
devices: a custom allocation policy tried on one machine, without an Azure account.";

const AFTER_HELP: &str = "\
Exit codes: 0 success; 1 refused, failed, or different from the tutorial; 2 the command line is invalid.";

#[derive(Debug, Subcommand)]
enum Command {
    Tutorial(tutorial::Args),
    Up(up::Args),
    Device(device::Args),
    Fleet(fleet::Args),
    DeriveKey(derive_key::Args),
    Host(host::Args),
    Dps(dps::Args),
}

/// How a command that ran to its end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Success: exit code 0.
    Fine,
    /// A device was refused, something failed, or the output differs: exit code 1. It has been reported.
    Bad,
}

/// Why a command did not run to its end.
#[derive(Debug)]
pub enum Stop {
    /// The command line is invalid: exit code 2.
    Usage(String),
    /// Something else failed: exit code 1.
    Failed(String),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// See [`Stop`].
    pub async fn run(self) -> Result<Outcome, Stop> {
        open_files::raise_limit();
        match self.command {
            Command::Tutorial(args) => tutorial::run(args).await,
            Command::Up(args) => up::run(args).await,
            Command::Device(args) => device::run(args).await,
            Command::Fleet(args) => fleet::run(args).await,
            Command::DeriveKey(args) => derive_key::run(&args),
            Command::Host(args) => host::run(args).await,
            Command::Dps(args) => dps::run(args).await,
        }
    }
}

// === impl Stop ===

impl Stop {
    /// The end of [`FunctionsHost::stopped`](functions_host::FunctionsHost::stopped).
    fn handler_given_up() -> Self {
        Self::Failed("the host has given up its handler; the log above says why".to_owned())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(format!("cannot write the output: {error}"))
    }
}

impl std::error::Error for Stop {}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}
