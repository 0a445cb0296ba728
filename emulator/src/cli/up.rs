use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;

use journal::Journal;

use crate::cli::app::{App, absolute};
use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::{Outcome, Stop};
use crate::cli::ports::{DevicePorts, not_started};
use crate::emulator::{Emulator, Ports, Settings};
use crate::up::Instructions;

/// Keep both stand-ins running for your own devices.
///
/// DPS has the tutorial's enrollment group. Prints, ready to paste, how to register a device with this tool, the
/// SDKs for C, .NET, Python and Node, in Rust, and with curl and mosquitto, and then what the function and the
/// provisioning service log. Ends at Ctrl-C; assignments and certificates stay in the state folder.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    app: App,

    /// Folder for the certificates, made on first use, and the assignments
    #[arg(long, value_name = "FOLDER", default_value = ".emulator")]
    state: PathBuf,

    /// Hub that devices may be assigned to; several may be given [default: the tutorial's]
    #[arg(long, value_name = "HOSTNAME")]
    hub: Vec<String>,

    /// Port to serve the functions on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 7071)]
    port: u16,

    #[command(flatten)]
    ports: DevicePorts,

    /// Seconds that devices are asked to wait before they poll
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    retry_after: u64,
}

pub(super) async fn run(args: Args) -> Result<Outcome, Stop> {
    let mut interrupt = Interrupt::listen()?;
    let ports = Ports { functions: args.port, mqtt: args.ports.mqtt_port, https: args.ports.https_ports() };
    let settings = args.app.settings(absolute(&args.state)?, args.hub)?;
    let settings = Settings { ports, retry_after: args.retry_after, ..settings };
    let journal = Journal::stdout();
    let emulator = interrupt.unless(Emulator::start(settings, journal.clone(), journal.clone())).await?;
    let emulator = emulator.map_err(|error| not_started(&error))?;
    if let Some(note) = args.ports.https_note(emulator.dps.https_address().port()) {
        journal.warn(note);
    }
    let program = env::current_exe().unwrap_or_else(|_| "dps-emulator".into());
    let instructions = Instructions::new(&emulator, args.retry_after, program);
    writeln!(io::stdout(), "\n{instructions}\nCtrl-C ends it.\n")?;
    let outcome = tokio::select! {
        () = interrupt.wait() => Ok(Outcome::Success),
        () = emulator.host.stopped() => Err(Stop::handler_given_up()),
    };
    emulator.stop().await;
    outcome
}
