use std::env;
use std::io;

use devices::{Device, GLOBAL_HOST, HostPort, register_and_print};
use symmetric_key::SymmetricKey;

use crate::cli::outcome::{Outcome, Stop};
use crate::cli::target::Target;
use crate::cli::{id_scope, key, registration_id};

/// The environment variable with a device's own key.
const DEVICE_KEY: &str = "DPS_DEVICE_KEY";

/// The environment variable with an enrollment group's key.
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
    #[arg(long, value_name = "ID", value_parser = registration_id::parse)]
    registration_id: String,

    #[command(flatten)]
    keys: Keys,

    /// The ID scope of the DPS instance, as its overview in the portal shows it
    #[arg(long, value_name = "SCOPE", value_parser = id_scope::parse)]
    id_scope: String,

    /// Host to register with: a name or an IP address, with or without a port
    #[arg(long, value_name = "HOST[:PORT]", default_value = GLOBAL_HOST)]
    host: HostPort,

    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Keys {
    /// The device's own key, base64; `-` reads it from standard input [env: DPS_DEVICE_KEY]
    #[arg(long, value_name = "BASE64")]
    key: Option<String>,

    /// The enrollment group's key, base64, from which the device's is derived; `-` reads it from
    /// standard input [env: DPS_GROUP_KEY]
    #[arg(long, value_name = "BASE64")]
    group_key: Option<String>,
}

pub(super) async fn run(args: Args) -> Result<Outcome, Stop> {
    let Args { registration_id, keys, id_scope, host, target } = args;
    let key = keys.key_of(&registration_id)?;
    let device = Device { id_scope, registration_id, key, payload: target.payload()? };
    let endpoint = target.endpoint(host)?;
    let outcome = register_and_print(&device, &endpoint, target.limit(), io::stdout()).await?;
    Ok(if outcome.is_ok() { Outcome::Success } else { Outcome::Failure })
}

// === impl Keys ===

impl Keys {
    /// The key of the device `registration_id`.
    ///
    /// The environment is not left to clap, which would report a conflict between a key set there and one on the
    /// command line.
    fn key_of(&self, registration_id: &str) -> Result<SymmetricKey, Stop> {
        let derived = |source, text: &str| Ok(key::read(source, text)?.derive(registration_id));
        let set = |name| env::var(name).ok().filter(|text| !text.is_empty());
        match (&self.key, &self.group_key) {
            (Some(key), _) => key::read("--key", key),
            (None, Some(key)) => derived("--group-key", key),
            (None, None) => match (set(DEVICE_KEY), set(GROUP_KEY)) {
                (Some(key), _) => key::read(DEVICE_KEY, &key),
                (None, Some(key)) => derived(GROUP_KEY, &key),
                (None, None) => Err(Stop::Usage(format!(
                    "no key given: expected --key or --group-key, or {DEVICE_KEY} or {GROUP_KEY} in the environment"
                ))),
            },
        }
    }
}
