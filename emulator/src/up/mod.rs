//! What to paste, and where, so that a device registers with the emulator.

use std::fmt;
use std::path::{Path, PathBuf};

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use crate::contoso::{GROUP, GROUP_KEY, HEAT_PUMP, ID_SCOPE, PAYLOAD, TOASTER, device};
use crate::emulator::Emulator;

/// A snippet for each client, under its heading. In place of `@NAME@` comes what is known only at run time.
const SNIPPETS: [(&str, &str); 8] = [
    ("This tool", include_str!("snippets/this_tool.txt")),
    ("C", include_str!("snippets/c.txt")),
    (".NET", include_str!("snippets/dotnet.txt")),
    ("Python", include_str!("snippets/python.txt")),
    ("Node.js", include_str!("snippets/node.txt")),
    ("Rust", include_str!("snippets/rust.txt")),
    ("curl", include_str!("snippets/curl.txt")),
    ("mosquitto", include_str!("snippets/mosquitto.txt")),
];

/// The only MQTT port that the SDKs for C and Python can connect to.
const FIXED_PORT: u16 = 8883;

/// How long the tokens in the snippets for clients that cannot sign are valid.
const TOKEN_LIFE: Duration = Duration::DAY;

const EXPIRY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");

/// How to register the tutorial's toaster with a running emulator, by each client. `Display` prints it.
#[derive(Clone, Debug)]
pub struct Instructions {
    /// The functions, each with its address.
    pub functions: Vec<String>,
    /// The port for MQTT.
    pub mqtt_port: u16,
    /// The port for HTTPS.
    pub https_port: u16,
    /// The certificate authority to trust.
    pub ca: PathBuf,
    /// This program.
    pub program: PathBuf,
    /// Seconds that devices are asked to wait before they poll.
    pub retry_after: u64,
}

impl Instructions {
    /// Those for `emulator`, which asks devices to wait `retry_after` seconds, run by `program`.
    #[must_use]
    pub fn new(emulator: &Emulator, retry_after: u64, program: PathBuf) -> Self {
        let functions = emulator.host.functions().iter();
        Self {
            functions: functions.map(|function| format!("{} {}", function.name, function.url)).collect(),
            mqtt_port: emulator.dps.mqtt_address().port(),
            https_port: emulator.dps.https_address().port(),
            ca: emulator.dps.ca_certificate().to_owned(),
            program,
            retry_after,
        }
    }
}

// === impl Display ===

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mqtt_port, https_port, ca, .. } = self;
        for function in &self.functions {
            writeln!(f, "Function:               {function}")?;
        }
        writeln!(f, "Provisioning service:   MQTT localhost:{mqtt_port}, HTTPS localhost:{https_port}")?;
        writeln!(f, "ID scope:               {ID_SCOPE}")?;
        writeln!(f, "Enrollment group:       {GROUP}")?;
        writeln!(f, "Group key:              {GROUP_KEY}")?;
        writeln!(f, "Certificate authority:  {}", ca.display())?;

        let toaster = device(TOASTER);
        let expiry = OffsetDateTime::now_utc() + TOKEN_LIFE;
        let only_8883 = match *mqtt_port {
            FIXED_PORT => String::new(),
            port => format!(
                "# This SDK connects to port {FIXED_PORT} only, and here MQTT is at {port}: start this with --mqtt-port {FIXED_PORT}.\n"
            ),
        };
        let values = [
            ("@PROGRAM@", quoted(&self.program)),
            ("@CA@", quoted(ca)),
            ("@CA_PATH@", ca.display().to_string()),
            ("@MQTT@", mqtt_port.to_string()),
            ("@HTTPS@", https_port.to_string()),
            ("@ONLY_8883@\n", only_8883),
            ("@SCOPE@", ID_SCOPE.to_owned()),
            ("@ID@", TOASTER.to_owned()),
            ("@REFUSED_ID@", HEAT_PUMP.to_owned()),
            ("@GROUP_KEY@", GROUP_KEY.to_owned()),
            ("@KEY@", toaster.key.to_base64()),
            ("@TOKEN@", toaster.sas_token(expiry)),
            ("@EXPIRY@", expiry.format(EXPIRY).map_err(|_| fmt::Error)?),
            ("@RETRY_AFTER@", self.retry_after.to_string()),
            ("@PAYLOAD@", PAYLOAD.to_owned()),
            ("@C_PAYLOAD@", PAYLOAD.replace('"', "\\\"")),
        ];
        for (heading, snippet) in SNIPPETS {
            let filled =
                values.iter().fold(snippet.to_owned(), |text, (name, value)| text.replace(name, value));
            write!(f, "\n=== {heading} ===\n\n{filled}")?;
        }
        Ok(())
    }
}

/// `path` as one word of a shell's command line.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
