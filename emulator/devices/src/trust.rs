//! Which certificate authorities a device trusts.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// The TLS settings that trust the certificate authorities in the PEM file `ca` alone; without one those of the
/// system (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them, as they do for OpenSSL).
///
/// # Errors
///
/// The file cannot be read, or contains no certificate in PEM form.
pub fn client_config(ca: Option<&Path>) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        let name = path.display();
        let pem = fs::read(path).map_err(|error| io::Error::other(format!("cannot read {name}: {error}")))?;
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
        if roots.is_empty() {
            let expected = "expected certificate authorities in PEM form";
            return Err(io::Error::other(format!("{name} contains no certificate; {expected}")));
        }
    } else {
        // A system without any is not refused here: the handshake then fails with the reason.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| io::Error::other(format!("cannot set up TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
