use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroU16;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

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
    /// TLS, with the certificate authorities that the device trusts.
    pub(crate) tls: Arc<ClientConfig>,
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
    /// An endpoint whose certificate has to be issued by an authority in the PEM file `ca`; without one, by one of the
    /// system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them, as they do for OpenSSL).
    ///
    /// # Errors
    ///
    /// The file cannot be read, or contains no certificate in PEM form.
    pub fn new(host: HostPort, transport: Transport, ca: Option<&Path>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = ca {
            let name = path.display();
            let pem =
                fs::read(path).map_err(|error| io::Error::other(format!("cannot read {name}: {error}")))?;
            roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
            if roots.is_empty() {
                let expected = "expected certificate authorities in PEM form";
                return Err(io::Error::other(format!("{name} contains no certificate; {expected}")));
            }
        } else {
            // A system without any is not refused here: the handshake then fails with the reason.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| io::Error::other(format!("cannot set up TLS: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { host, transport, tls: Arc::new(tls) })
    }

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
