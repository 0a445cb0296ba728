//! The emulator's command: reads the command line, runs it, and turns the outcome into an exit code.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | success: assigned, derived, as in the tutorial, or ended by Ctrl-C as `host`, `dps` and `up` are |
//! | 1 | refused, failed, or different from the tutorial |
//! | 2 | the command line is invalid |

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use dps_emulator::cli::Cli;
use dps_emulator::cli::outcome::{Outcome, Stop};

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(Outcome::Success) => ExitCode::SUCCESS,
        Ok(Outcome::Failure) => ExitCode::FAILURE,
        Err(stop) => {
            let _ = writeln!(std::io::stderr(), "dps-emulator: {stop}");
            match stop {
                Stop::Usage(_) => ExitCode::from(2),
                Stop::Failed(_) => ExitCode::FAILURE,
            }
        }
    }
}
