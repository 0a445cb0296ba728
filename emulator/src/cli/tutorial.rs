use std::io::{self, Write as _};

use devices::Transport;
use journal::Journal;
use tempfile::TempDir;

use crate::cli::app::App;
use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::{Outcome, not_written};
use crate::emulator::Emulator;
use crate::tutorial;

/// Go through Microsoft's tutorial and compare with what it shows.
///
/// Starts the Functions host with the custom handler, DPS with the tutorial's enrollment group, and the
/// toaster and the heat pump, on free ports, with nothing left behind. Exit code 0 when the function's
/// log and the devices' output are what the tutorial shows, 1 and a diff when they are not. Time stamps,
/// ids, durations, addresses and version numbers may differ.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    app: App,

    /// Protocol that the devices register over
    #[arg(long, value_enum, default_value_t = Transport::Mqtt)]
    transport: Transport,
}

pub(super) async fn run(args: Args) -> Outcome {
    let mut interrupt = Interrupt::listen()?;
    let state = TempDir::new()?;
    let settings = args.app.settings(state.path(), Vec::new())?;
    let (functions, function_log) = Journal::kept();
    let (service, service_log) = Journal::kept();
    let tutorial = async {
        let emulator = interrupt.unless(Emulator::start(settings, functions, service)).await??;
        let endpoint = emulator.endpoint(args.transport)?;
        let tutorial = tutorial::run(&emulator, &endpoint, &function_log, io::stdout());
        let as_promised = interrupt.unless(tutorial).await;
        emulator.stop().await;
        as_promised?.map_err(not_written)
    };
    let outcome = tutorial.await;
    if !matches!(outcome, Ok(true)) {
        // The reason may be in a part of the log that the tutorial does not show.
        for (name, log) in [("Functions host", function_log), ("provisioning service", service_log)] {
            let entries = log.entries().iter().map(|entry| format!("{entry}\n")).collect::<String>();
            if !entries.is_empty() {
                write!(io::stderr(), "\nWhat the {name} said:\n{entries}")?;
            }
        }
    }
    outcome
}
