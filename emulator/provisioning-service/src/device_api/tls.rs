//! TLS as the provisioning service speaks it: versions 1.2 and 1.3 (the Python SDK speaks 1.2 alone).
//!
//! No client certificate is requested: symmetric keys are the only attestation here. A device with a certificate
//! is refused later because it has no token, with a line that says so.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, InvalidMessage, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::DpsError;
use crate::device_api::certificate::Certificate;

/// The server's side of the handshake, with `certificate`; `path` is where that came from.
///
/// # Errors
///
/// [`DpsError::Certificate`] if the key is not the one of the certificate.
pub(crate) fn acceptor(certificate: Certificate, path: &Path) -> Result<TlsAcceptor, DpsError> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(certificate.chain, certificate.key)
        })
        .map_err(|error| DpsError::Certificate(path.to_owned(), error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Why a handshake failed, and what to do about the usual mistakes. `ca` is the CA certificate.
pub(crate) fn explain(error: &io::Error, ca: &Path) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError,
        )) => format!("the device does not trust the certificate (have it trust {})", ca.display()),
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the device does not speak TLS, which this port requires".to_owned()
        }
        Some(rustls::Error::PeerIncompatible(what)) => {
            format!("the device does not support TLS 1.2 or 1.3 as offered here: {what:?}")
        }
        _ if error.kind() == io::ErrorKind::UnexpectedEof => "the device disconnected".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether a device has disconnected, perhaps without TLS's close_notify.
pub(crate) fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
