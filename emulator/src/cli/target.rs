use std::path::PathBuf;
use std::time::Duration;

use devices::{Endpoint, HostPort, Transport};
use serde_json::value::RawValue;

use crate::cli::outcome::Stop;
use crate::cli::value;

/// How devices reach the service: what `device` and `fleet` share.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Protocol to register over; its own port is used unless --host names one
    #[arg(long, value_enum, default_value_t = Transport::Mqtt)]
    pub(super) transport: Transport,

    /// File of certificate authorities (PEM) to trust instead of the system's: the emulator's own is
    /// ca.pem in its state folder
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Seconds after which a device that is not registered fails. For a webhook that keeps
    /// answering 5xx, DPS takes about 415 s to fail the registration
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,

    /// Custom payload for the allocation policy: JSON, or @FILE with a file that contains it
    #[arg(long, value_name = "JSON|@FILE", value_parser = value::payload)]
    pub(super) payload: Option<Box<RawValue>>,
}

impl Target {
    pub(super) fn endpoint(&self, host: HostPort) -> Result<Endpoint, Stop> {
        Endpoint::new(host, self.transport, self.ca.as_deref())
            .map_err(|error| Stop::Failed(format!("--ca: {error}")))
    }

    /// How long one device may take.
    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}
