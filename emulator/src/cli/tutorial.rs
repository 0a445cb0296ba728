use std::io::{self, Write as _};

use tempfile::TempDir;

use super::app::App;
use super::interrupt::Interrupt;
use super::{Outcome, Stop};
use crate::contoso::HUB;
use crate::emulator::{Emulator, Ports, Settings};
use crate::tutorial::Tutorial;
use devices::Transport;
use journal::{Journal, Kept};

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

pub(super) async fn run(args: Args) -> Result<Outcome, Stop> {
    let state =
        TempDir::new().map_err(|error| Stop::Failed(format!("cannot create a temporary folder: {error}")))?;
    let settings = Settings {
        app: args.app.folder()?,
        executable: args.app.executable()?,
        state: state.path().to_owned(),
        hubs: vec![HUB.to_owned()],
        ports: Ports::default(),
        retry_after: 1,
    };
    let (functions, function_log) = Journal::kept();
    let (service, service_log) = Journal::kept();
    let outcome = go_through(settings, args.transport, functions, &function_log, service).await;
    if !matches!(outcome, Ok(Outcome::Fine)) {
        // The reason may be where the tutorial does not look.
        for (name, log) in [("Functions host", function_log), ("provisioning service", service_log)] {
            let entries = log.entries().iter().map(|entry| format!("{entry}\n")).collect::<String>();
            if !entries.is_empty() {
                write!(io::stderr(), "\nWhat the {name} said:\n{entries}")?;
            }
        }
    }
    outcome
}

async fn go_through(
    settings: Settings,
    transport: Transport,
    functions: Journal,
    function_log: &Kept,
    service: Journal,
) -> Result<Outcome, Stop> {
    let mut interrupt = Interrupt::listen()?;
    let emulator = interrupt.unless(Emulator::start(settings, functions, service)).await?;
    let emulator = emulator.map_err(|error| Stop::Failed(error.to_string()))?;
    let endpoint = emulator.endpoint(transport).map_err(|error| Stop::Failed(error.to_string()))?;
    let tutorial = Tutorial::new(io::stdout()).run(&emulator, &endpoint, function_log);
    let as_promised = interrupt.unless(tutorial).await;
    emulator.stop().await;
    Ok(if as_promised?? { Outcome::Fine } else { Outcome::Bad })
}
