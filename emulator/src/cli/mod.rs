//! The command line. Each command has a file with its `Args` and what it does; `outcome` is how it ends, at the
//! latest by an `interrupt`.
//!
//! Options that commands share: `app` (which function app), `service` (where DPS listens), `target` (how simulated
//! devices reach DPS), `value` (how values are read).

mod app;
mod derive_key;
mod device;
mod dps;
mod fleet;
mod host;
mod interrupt;
mod outcome;
mod service;
mod target;
mod tutorial;
mod up;
mod value;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::outcome::Stop;

/// Stand-ins for the Azure Functions host and the Device Provisioning Service (DPS), and simulated devices: a custom
/// allocation policy tried on one machine, without an Azure account.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 success; 1 refused, failed, or different from the tutorial; 2 the command line is invalid.";

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

impl Cli {
    /// Runs the command; if it fails, prints the reason to standard error.
    pub async fn run(self) -> ExitCode {
        raise_open_files_limit();
        let outcome = match self.command {
            Command::Tutorial(args) => tutorial::run(args).await,
            Command::Up(args) => up::run(args).await,
            Command::Device(args) => device::run(args).await,
            Command::Fleet(args) => fleet::run(args).await,
            Command::DeriveKey(args) => derive_key::run(&args),
            Command::Host(args) => host::run(args).await,
            Command::Dps(args) => dps::run(args).await,
        };
        let (why, exit_code) = match outcome {
            Ok(true) => return ExitCode::SUCCESS,
            Ok(false) => return ExitCode::FAILURE,
            Err(Stop::Usage(why)) => (why, ExitCode::from(2)),
            Err(Stop::Failed(why)) => (why, ExitCode::FAILURE),
        };
        // A closed standard error changes nothing.
        let _ = writeln!(io::stderr(), "dps-emulator: {why}");
        exit_code
    }
}

/// Raises the limit of open files to what the system allows: each connection takes one, in a fleet two, and the
/// initial limit, often 1,024, is lower than the allowed one.
fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, the limit stays as it was; what then cannot be opened is reported where it happens.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
