//! Whom a device trusts to be the provisioning service.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Why no certificate authority can be trusted.
#[derive(Debug)]
pub enum TrustError {
    /// The file of certificate authorities cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The file contains no usable certificate in PEM form.
    NoCertificate(PathBuf),
    /// TLS itself cannot be set up.
    Tls(rustls::Error),
}

/// Trusts the certificate authorities in the PEM file `ca` alone; without one those of the system
/// (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them, as they do for OpenSSL).
///
/// # Errors
///
/// See [`TrustError`].
pub fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let pem = fs::read(path).map_err(|error| TrustError::Unreadable(path.to_owned(), error))?;
            roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
            if roots.is_empty() {
                return Err(TrustError::NoCertificate(path.to_owned()));
            }
        }
        // A system without any is not refused here: the handshake then fails with the reason.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

// === impl Error ===

impl std::error::Error for TrustError {}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::NoCertificate(path) => {
                write!(
                    f,
                    "{} contains no certificate; expected certificate authorities in PEM form",
                    path.display()
                )
            }
            Self::Tls(error) => write!(f, "cannot set up TLS: {error}"),
        }
    }
}
