use std::env;

use journal::Journal;

use crate::cli::app::App;
use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::{Outcome, print};
use crate::cli::service::Service;
use crate::emulator::{Emulator, Settings};
use crate::up::instructions;

/// Keep both stand-ins running for your own devices.
///
/// DPS has the tutorial's enrollment group. Prints, ready to paste, how to register a device with this tool, the
/// SDKs for C, .NET, Python and Node, in Rust, and with curl and mosquitto, and then what the function and the
/// provisioning service log. Ends at Ctrl-C; assignments and certificates stay in the state folder.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    app: App,

    /// Hub that devices may be assigned to; several may be given [default: the tutorial's]
    #[arg(long, value_name = "HOSTNAME")]
    hub: Vec<String>,

    /// Port to serve the functions on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 7071)]
    port: u16,

    #[command(flatten)]
    service: Service,

    /// Seconds that devices are asked to wait before they poll
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    retry_after: u64,
}

pub(super) async fn run(args: Args) -> Outcome {
    let mut interrupt = Interrupt::listen()?;
    let Args { service, retry_after, .. } = args;
    let settings = Settings {
        functions_port: args.port,
        mqtt_port: service.mqtt_port,
        https_ports: service.https_ports(),
        retry_after,
        ..args.app.settings(&service.state, args.hub)?
    };
    let journal = Journal::stdout();
    let emulator = interrupt.unless(Emulator::start(settings, journal.clone(), journal)).await??;
    let program = env::current_exe().unwrap_or_else(|_| "dps-emulator".into());
    print(format!("\n{}\nCtrl-C ends it.\n\n", instructions(&emulator, retry_after, &program)))?;
    let outcome = interrupt.or_end_of(&emulator.host).await;
    emulator.stop().await;
    outcome
}
