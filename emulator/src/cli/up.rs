use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::app::{App, absolute};
use super::interrupt::Interrupt;
use super::{Outcome, Stop};
use crate::contoso::HUB;
use crate::emulator::{Emulator, Ports, Settings};
use crate::up::Instructions;
use journal::Journal;

/// Keep both stand-ins running for your own devices.
///
/// DPS has the tutorial's enrollment group. Prints, ready to paste, how to register a device with the C,
/// Python and Node SDKs and with this tool, and then what the function and the provisioning service log.
/// Ends at Ctrl-C; assignments and certificates stay in the state folder.
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

    /// Port for MQTT over TLS; 0 takes a free one. The SDKs for C, Python, Java and .NET know no other
    #[arg(long, value_name = "PORT", default_value_t = 8883)]
    mqtt_port: u16,

    /// Port for HTTPS; 0 takes a free one. The SDKs for C and Node know 443 alone
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    https_port: u16,

    /// Seconds that devices are asked to wait before they poll
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    retry_after: u64,
}

pub(super) async fn run(args: Args) -> Result<Outcome, Stop> {
    let mut interrupt = Interrupt::listen()?;
    let settings = Settings {
        app: args.app.folder()?,
        executable: args.app.executable()?,
        state: absolute(&args.state)?,
        hubs: if args.hub.is_empty() { vec![HUB.to_owned()] } else { args.hub },
        ports: Ports { functions: args.port, mqtt: args.mqtt_port, https: args.https_port },
        retry_after: args.retry_after,
    };
    let journal = Journal::stdout();
    let emulator = interrupt.unless(Emulator::start(settings, journal.clone(), journal)).await?;
    let emulator = emulator.map_err(|error| Stop::Failed(error.to_string()))?;
    let program = env::current_exe().unwrap_or_else(|_| "dps-emulator".into());
    writeln!(io::stdout(), "\n{}Ctrl-C ends it.\n", Instructions::new(&emulator, program))?;
    let outcome = tokio::select! {
        () = interrupt.wait() => Ok(Outcome::Fine),
        () = emulator.host.stopped() => Err(Stop::handler_given_up()),
    };
    emulator.stop().await;
    outcome
}
