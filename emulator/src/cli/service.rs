use std::path::PathBuf;

use crate::cli::value::absolute_path;

/// Where DPS keeps its files and where devices connect: what `up` and `dps` share.
#[derive(Debug, clap::Args)]
pub(super) struct Service {
    /// Folder for the certificates, made on first use, and the assignments
    #[arg(long, value_name = "FOLDER", default_value = ".emulator", value_parser = absolute_path())]
    pub(super) state: PathBuf,

    /// Port for MQTT over TLS; 0 takes a free one. The SDKs for C and Python connect to 8883 only; in those for .NET
    /// and Node it can be set
    #[arg(long, value_name = "PORT", default_value_t = 8883)]
    pub(super) mqtt_port: u16,

    /// Port for HTTPS; 0 takes a free one. The SDKs for C and Node connect to 443 only [default: 443, or 8443 if
    /// 443 is in use or needs privileges]
    #[arg(long, value_name = "PORT")]
    https_port: Option<u16>,
}

impl Service {
    /// The ports for HTTPS, of which the first that is available is used.
    pub(super) fn https_ports(&self) -> Vec<u16> {
        self.https_port.map_or_else(|| vec![443, 8443], |port| vec![port])
    }
}
