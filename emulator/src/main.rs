//! The emulator's command.

use std::process::ExitCode;

use clap::Parser as _;
use dps_emulator::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().run().await
}
