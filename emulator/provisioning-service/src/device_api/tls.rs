//! TLS as the provisioning service speaks it: versions 1.2 and 1.3 (the Python SDK speaks 1.2 alone).
//!
//! No client certificate is requested: symmetric keys are the only attestation here. A device with a certificate
//! is refused later because it has no token, with a line that says so.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A device's connection after the handshake.
pub(crate) type Stream = BufReader<TlsStream<TcpStream>>;

/// The server's side of TLS.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// The CA certificate that devices have to trust.
    pub(crate) ca: PathBuf,
    /// `from {time} to {time}`.
    validity: String,
}

impl Tls {
    /// TLS with the key and the two certificates in `pem`, of which the second one is kept at `ca` as well.
    pub(crate) fn new(pem: &str, ca: PathBuf) -> Result<Self, Box<dyn Error>> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())?;
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let [leaf, _] = &chain[..] else {
            return Err(format!("expected 2 certificates, found {}", chain.len()).into());
        };
        let validity = X509Certificate::from_der(leaf)?.1.validity.clone();
        let validity = format!("from {} to {}", validity.not_before, validity.not_after);
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca, validity })
    }

    /// Why a connection failed `when` ("during the TLS handshake"), with the likely cause.
    ///
    /// A device that does not accept the certificate sends an alert, or just hangs up. The alerts that TLS
    /// libraries choose differ: <https://www.rfc-editor.org/rfc/rfc8446#section-6.2>.
    pub(crate) fn explain(&self, error: &io::Error, when: &str) -> String {
        use AlertDescription::{
            BadCertificate, CertificateExpired, CertificateUnknown, DecryptError, UnknownCA,
        };
        let (ca, validity) = (self.ca.display(), &self.validity);
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::AlertReceived(UnknownCA)) => {
                format!("the client does not trust the certificate authority; have it trust {ca}")
            }
            Some(rustls::Error::AlertReceived(CertificateExpired)) => {
                format!("the clock of the client may be wrong: the certificate is valid {validity}")
            }
            Some(rustls::Error::AlertReceived(
                alert @ (BadCertificate | CertificateUnknown | DecryptError),
            )) => format!(
                "the client refused the certificate ({alert:?}): its clock may be wrong (the certificate is valid \
                 {validity}), it may have asked for another name, or it does not trust {ca}"
            ),
            Some(rustls::Error::PeerIncompatible(what)) => {
                format!("the client does not support TLS 1.2 or 1.3 as offered here: {what:?}")
            }
            _ if disconnected(error) => format!(
                "the client closed the connection {when}: it may not trust the certificate authority; have it trust {ca}"
            ),
            _ => format!("failed {when}: {error}"),
        }
    }
}

/// Whether a device has disconnected, perhaps without TLS's close_notify.
pub(crate) fn disconnected(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
