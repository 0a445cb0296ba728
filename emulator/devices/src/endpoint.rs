use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

/// The service's own address: <https://learn.microsoft.com/azure/iot-dps/about-iot-dps>.
pub const GLOBAL_HOST: &str = "global.azure-devices-provisioning.net";

const HOST_PORT: &str =
    "expected a host name or IP address, with or without a port from 1 to 65535, such as `localhost:8883`";

/// Where and how a device reaches the provisioning service.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Host, and port if it is not the protocol's own.
    pub host: HostPort,
    /// The protocol spoken.
    pub transport: Transport,
    /// Whom the device trusts: see [`trust`](crate::trust).
    pub tls: Arc<ClientConfig>,
}

/// `host`, `host:port` or `[address]:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A DNS name or an IP address, without brackets.
    pub host: String,
    /// The port, if one was given.
    pub port: Option<u16>,
}

/// A protocol that devices register over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// MQTT 3.1.1 over TLS, port 8883.
    Mqtt,
    /// HTTPS, port 443.
    Https,
}

impl Endpoint {
    /// The port to connect to: the one given, or the protocol's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.host.port.unwrap_or(match self.transport {
            Transport::Mqtt => 8883,
            Transport::Https => 443,
        })
    }
}

impl FromStr for HostPort {
    /// What was expected.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
            // No colon, or an IPv6 address without a port.
            _ => (text, None),
        };
        let port: Option<NonZeroU16> = port.map(str::parse).transpose().map_err(|_| HOST_PORT)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        ServerName::try_from(host).map_err(|_| HOST_PORT)?;
        Ok(Self { host: host.to_owned(), port: port.map(NonZeroU16::get) })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host.contains(':'), self.port) {
            (true, Some(port)) => write!(f, "[{}]:{port}", self.host),
            (false, Some(port)) => write!(f, "{}:{port}", self.host),
            (_, None) => f.write_str(&self.host),
        }
    }
}
