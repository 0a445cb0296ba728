use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::ClientConfig;

/// The service's own address: <https://learn.microsoft.com/azure/iot-dps/about-iot-dps>.
pub const GLOBAL_HOST: &str = "global.azure-devices-provisioning.net";

/// Where and how a device reaches the provisioning service.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Host, and port if it is not the protocol's own.
    pub host: HostPort,
    /// The protocol spoken.
    pub transport: Transport,
    /// Whom the device trusts: see [`trust`](super::trust).
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

/// The text is not a host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPortError;

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
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, HostPortError> {
        let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, port))) => (host, Some(port.strip_prefix(':').ok_or(HostPortError)?)),
            Some(None) => return Err(HostPortError),
            // More than one colon and no bracket: an IPv6 address alone.
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port @ 1..)) => Some(port),
            Some(_) => return Err(HostPortError),
        };
        let known = rustls_pki_types::ServerName::try_from(host).is_ok();
        if known { Ok(Self { host: host.to_owned(), port }) } else { Err(HostPortError) }
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

impl std::error::Error for HostPortError {}

impl fmt::Display for HostPortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a host name or IP address, with or without a port from 1 to 65535, such as `localhost:8883`",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::HostPort;

    #[test]
    fn hosts_with_and_without_a_port() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("localhost:18883", "localhost", Some(18883)),
            ("127.0.0.1:8443", "127.0.0.1", Some(8443)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[::1]:8883", "::1", Some(8883)),
            (super::GLOBAL_HOST, super::GLOBAL_HOST, None),
        ] {
            let parsed: HostPort = text.parse().unwrap();
            assert_eq!(parsed, HostPort { host: host.to_owned(), port }, "{text}");
        }
    }

    #[test]
    fn invalid_hosts_and_ports() {
        for text in [
            "",
            ":8883",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "localhost:x",
            "[::1",
            "[::1]8883",
            "a b",
            "https://localhost",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
