use crate::cli::outcome::{Outcome, print};
use crate::cli::value;

/// Derive a device's key from its enrollment group's key.
///
/// Prints base64(HMAC-SHA256(group key, registration id)), as `az iot dps enrollment-group
/// compute-device-key` does, without asking Azure. Registration ids are hashed as they are typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example, with the tutorial's group key:
  dps-emulator derive-key --registration-id contoso-toaster-007 \\
    --group-key oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==
  NXZgydIn9ntUpXfBsWFfaxJqAYVfgGQsshvA5GboGJI=")]
pub(super) struct Args {
    /// The enrollment group's primary or secondary key, base64; `-` reads it from standard input
    #[arg(long, visible_alias = "key", value_name = "BASE64", env = "DPS_GROUP_KEY", hide_env_values = true)]
    group_key: String,

    /// The device's registration id
    #[arg(long, value_name = "ID", value_parser = value::registration_id)]
    registration_id: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    let group_key = value::key("--group-key", &args.group_key)?;
    print(group_key.derive(&args.registration_id).to_base64() + "\n")?;
    Ok(true)
}
