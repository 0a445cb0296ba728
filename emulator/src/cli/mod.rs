//! The command line. Each command has a file with its `Args` and what it does; [`outcome`] is how it ends.
//!
//! Options that commands share: `app` (which function app), `ports` (where DPS listens), `target` (how simulated
//! devices reach DPS), `key`, `id_scope` and `registration_id` (how they are read).

mod app;
mod derive_key;
mod device;
mod dps;
mod fleet;
mod host;
mod id_scope;
mod interrupt;
mod key;
mod open_files;
pub mod outcome;
mod ports;
mod registration_id;
mod target;
mod tutorial;
mod up;

use clap::{Parser, Subcommand};

use self::outcome::{Outcome, Stop};

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
