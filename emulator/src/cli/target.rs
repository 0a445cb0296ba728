use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use devices::{Endpoint, HostPort, Transport, trust};
use serde_json::value::RawValue;

use crate::cli::outcome::Stop;

/// The largest payload file read, bytes; the service takes 96 KB.
const LARGEST: u64 = 1024 * 1024;

/// How devices reach the service: what `device` and `fleet` share.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Protocol to register over; its own port is used unless --host names one
    #[arg(long, value_enum, default_value_t = Transport::Mqtt)]
    pub(super) transport: Transport,

    /// File of certificate authorities (PEM) to trust instead of the system's: the emulator's own is
    /// ca.pem in its state folder
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,

    /// Seconds after which a device that is not registered fails. For a webhook that keeps
    /// answering 5xx, DPS takes about 415 s to fail the registration
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,

    /// Custom payload for the allocation policy: JSON, or @FILE with a file that contains it
    #[arg(long, value_name = "JSON|@FILE")]
    payload: Option<String>,
}

impl Target {
    /// The endpoint at `host`.
    pub(super) fn endpoint(&self, host: HostPort) -> Result<Endpoint, Stop> {
        let tls = trust::client_config(self.ca.as_deref())
            .map_err(|error| Stop::Failed(format!("--ca: {error}")))?;
        Ok(Endpoint { host, transport: self.transport, tls })
    }

    /// How long one device may take.
    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// The payload, if one is to be sent.
    pub(super) fn payload(&self) -> Result<Option<Box<RawValue>>, Stop> {
        let Some(given) = &self.payload else { return Ok(None) };
        let text = match given.strip_prefix('@') {
            Some(path) => {
                read(path).map_err(|why| Stop::Usage(format!("--payload: cannot read {path}: {why}")))?
            }
            None => given.clone(),
        };
        let json = serde_json::from_str(&text);
        json.map(Some).map_err(|error| {
            Stop::Usage(format!("--payload: expected JSON, or @FILE with a file that contains it: {error}"))
        })
    }
}

fn read(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    // Some files, such as devices and pipes, have no size beforehand.
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    match text.len() as u64 {
        0..=LARGEST => Ok(text),
        _ => Err(format!("it has more than {LARGEST} bytes")),
    }
}
