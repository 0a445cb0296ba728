//! TLS as the provisioning service speaks it: versions 1.2 and 1.3 (the Python SDK speaks 1.2 alone).
//!
//! No client certificate is requested: symmetric keys are the only attestation here. A device with a certificate
//! is refused later because it has no token, with a line that says so.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::device_api::certificate::Certificate;
use crate::error::DpsError;

/// The server's side of TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    /// Does the handshake.
    pub(crate) acceptor: TlsAcceptor,
    /// The CA certificate that devices have to trust.
    ca: PathBuf,
    /// `from {date} to {date}`.
    validity: String,
}

// === impl Tls ===

impl Tls {
    /// TLS with `certificate`.
    ///
    /// # Errors
    ///
    /// [`DpsError::Certificate`] if the key is not the one of the certificate.
    pub(crate) fn new(certificate: Certificate) -> Result<Self, DpsError> {
        let validity = certificate.validity().unwrap_or_default();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(certificate.chain.into(), certificate.key)
            })
            .map_err(|error| DpsError::Certificate(certificate.path, error.to_string()))?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca: certificate.ca, validity })
    }

    /// Why a connection failed `when` ("during the TLS handshake"), with the likely cause.
    ///
    /// A device that does not accept the certificate sends an alert, or just hangs up. The alerts that TLS
    /// libraries choose differ: <https://www.rfc-editor.org/rfc/rfc8446#section-6.2>.
    pub(crate) fn explain(&self, error: &io::Error, when: &str) -> String {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::AlertReceived(AlertDescription::UnknownCA)) => {
                format!(
                    "the client does not trust the certificate authority; have it trust {}",
                    self.ca.display()
                )
            }
            Some(rustls::Error::AlertReceived(AlertDescription::CertificateExpired)) => {
                format!("the clock of the client may be wrong: the certificate is valid {}", self.validity)
            }
            Some(rustls::Error::AlertReceived(
                alert @ (AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::DecryptError),
            )) => format!(
                "the client refused the certificate ({alert:?}): its clock may be wrong (the certificate is valid {}), it \
                 may have asked for another name, or it does not trust {}",
                self.validity,
                self.ca.display()
            ),
            Some(rustls::Error::PeerIncompatible(what)) => {
                format!("the client does not support TLS 1.2 or 1.3 as offered here: {what:?}")
            }
            _ if disconnected(error) => self.hung_up(when),
            _ => format!("failed {when}: {error}"),
        }
    }

    /// What is said of a device that closed the connection `when`, without an alert.
    pub(crate) fn hung_up(&self, when: &str) -> String {
        format!(
            "the client closed the connection {when}: it may not trust the certificate authority; have it trust {}",
            self.ca.display()
        )
    }
}

/// Whether a device has disconnected, perhaps without TLS's close_notify.
pub(crate) fn disconnected(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
