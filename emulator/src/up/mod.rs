//! What to paste, and where, so that a device registers with the emulator.

use std::path::Path;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use crate::contoso::{GROUP, GROUP_KEY, HEAT_PUMP, ID_SCOPE, PAYLOAD, TOASTER, device};
use crate::emulator::Emulator;

/// Where the emulator is, and a snippet for each client. In place of `@NAME@` comes what is known only at run time.
const INSTRUCTIONS: &str = include_str!("instructions.txt");

/// For the SDKs for C and Python, if MQTT is at another port.
const ONLY_8883: &str = "\
# This SDK connects to port 8883 only, and here MQTT is at @MQTT@: start this with --mqtt-port 8883.
";

const EXPIRY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");

/// How to register the tutorial's toaster with `emulator`, which asks devices to wait `retry_after` seconds before they
/// poll, by each client. `program` is this program.
#[must_use]
pub fn instructions(emulator: &Emulator, retry_after: u64, program: &Path) -> String {
    let functions = emulator.host.functions().iter();
    let functions = functions.map(|f| format!("Function:               {} {}\n", f.name, f.url));
    let (mqtt_port, https_port) = (emulator.dps.mqtt_address().port(), emulator.dps.https_address().port());
    let ca = emulator.dps.ca_certificate();
    let toaster = device(TOASTER);
    let expiry = OffsetDateTime::now_utc() + Duration::DAY;
    let only_8883 = if mqtt_port == 8883 { "" } else { ONLY_8883 };
    let values = [
        ("@FUNCTIONS@\n", functions.collect()),
        ("@ONLY_8883@\n", only_8883.to_owned()),
        ("@PROGRAM@", quoted(program)),
        ("@CA@", quoted(ca)),
        ("@CA_PATH@", ca.display().to_string()),
        ("@MQTT@", mqtt_port.to_string()),
        ("@HTTPS@", https_port.to_string()),
        ("@SCOPE@", ID_SCOPE.to_owned()),
        ("@GROUP@", GROUP.to_owned()),
        ("@GROUP_KEY@", GROUP_KEY.to_owned()),
        ("@ID@", TOASTER.to_owned()),
        ("@REFUSED_ID@", HEAT_PUMP.to_owned()),
        ("@KEY@", toaster.key.to_base64()),
        ("@TOKEN@", toaster.sas_token(expiry)),
        ("@EXPIRY@", expiry.format(EXPIRY).unwrap_or_default()),
        ("@RETRY_AFTER@", retry_after.to_string()),
        ("@PAYLOAD@", PAYLOAD.to_owned()),
        ("@C_PAYLOAD@", PAYLOAD.replace('"', "\\\"")),
    ];
    values.iter().fold(INSTRUCTIONS.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// `path` as one word of a shell's command line.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
