use std::env;
use std::io::{self, Write as _};

use devices::{Device, Failure, GLOBAL_HOST, HostPort, register_and_print};
use symmetric_key::SymmetricKey;

use crate::cli::outcome::{Outcome, Stop, not_written};
use crate::cli::target::Target;
use crate::cli::value;

// The environment variables that keys come from.
const DEVICE_KEY: &str = "DPS_DEVICE_KEY";
const GROUP_KEY: &str = "DPS_GROUP_KEY";

/// Register one simulated device, and print what the tutorial's C sample prints.
///
/// Registers with the emulator (--host localhost --ca .emulator/ca.pem) or, by default, with the
/// real service. Exit code 0 when the device is assigned, 1 when it is not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
To keep a key out of the shell's history, give `-` and write it to standard input, or set
DPS_DEVICE_KEY or DPS_GROUP_KEY, which are used when neither --key nor --group-key is given. If
both are set, the device's own key is used.")]
pub(super) struct Args {
    /// The device's registration id
    #[arg(long, value_name = "ID", value_parser = value::registration_id)]
    registration_id: String,

    /// The device's own key, base64; `-` reads it from standard input [env: DPS_DEVICE_KEY]
    #[arg(long, value_name = "BASE64", conflicts_with = "group_key")]
    key: Option<String>,

    /// The enrollment group's key, base64, from which the device's is derived; `-` reads it from
    /// standard input [env: DPS_GROUP_KEY]
    #[arg(long, value_name = "BASE64")]
    group_key: Option<String>,

    /// The ID scope of the DPS instance, as its overview in the portal shows it
    #[arg(long, value_name = "SCOPE", value_parser = value::id_scope)]
    id_scope: String,

    /// Host to register with: a name or an IP address, with or without a port
    #[arg(long, value_name = "HOST[:PORT]", default_value = GLOBAL_HOST)]
    host: HostPort,

    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(args: Args) -> Outcome {
    let key = key(&args)?;
    let Args { registration_id, id_scope, host, target, .. } = args;
    let endpoint = target.endpoint(host)?;
    let limit = target.limit();
    let device = Device { id_scope, registration_id, key, payload: target.payload };
    let outcome = register_and_print(&device, &endpoint, limit, io::stdout()).await.map_err(not_written)?;
    if matches!(&outcome, Err(Failure::Transport(why)) if why.contains("invalid peer certificate")) {
        let hint =
            "dps-emulator: --ca names the certificate authority to trust; `up` prints where its own is";
        writeln!(io::stderr(), "{hint}").map_err(not_written)?;
    }
    Ok(outcome.is_ok())
}

/// The key of the device.
///
/// The environment is not left to clap, which would report a conflict between a key set there and one on the
/// command line.
fn key(args: &Args) -> Result<SymmetricKey, Stop> {
    let set = |name| env::var(name).ok().filter(|text| !text.is_empty());
    for (source, text, of_group) in [
        ("--key", args.key.clone(), false),
        ("--group-key", args.group_key.clone(), true),
        (DEVICE_KEY, set(DEVICE_KEY), false),
        (GROUP_KEY, set(GROUP_KEY), true),
    ] {
        if let Some(text) = text {
            let key = value::key(source, &text)?;
            return Ok(if of_group { key.derive(&args.registration_id) } else { key });
        }
    }
    Err(Stop::Usage(format!(
        "no key given: expected --key or --group-key, or {DEVICE_KEY} or {GROUP_KEY} in the environment"
    )))
}
