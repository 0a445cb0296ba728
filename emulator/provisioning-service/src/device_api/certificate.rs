//! The server certificate and the certificate authority (CA) that devices are told to trust.
//!
//! Both are made on first use and kept, so that a device which trusts the CA once goes on doing so:
//!
//! - `ca.pem`: the CA certificate, for `OPTION_TRUSTED_CERT` (C), `server_verification_cert` (Python),
//!   `NODE_EXTRA_CA_CERTS` (Node), a trust store (.NET, Java).
//! - `server.pem`: the server's private key, its certificate and the CA certificate. Readable by its owner alone.
//!
//! The CA's own key is discarded once it has signed the one server certificate, so that nothing else can be signed
//! with it: `ca.pem` can safely be added to the trust store of a machine. Keys are ECDSA on the curve P-256, which all
//! device SDKs accept.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::Path;

use journal::Journal;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rcgen::{KeyUsagePurpose, SerialNumber};
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::device_api::tls::Tls;
use crate::error::DpsError;

/// The names under which devices reach the service: those of this machine, and the service's global endpoint
/// for devices that are sent here by a hosts file or a proxy.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "global.azure-devices-provisioning.net"];

/// How long both certificates are good for: some systems refuse a server certificate of more than 825 days
/// (<https://support.apple.com/HT210176>).
const LIFE: Duration = Duration::days(820);

/// How long before now certificates begin, for devices whose clock is behind.
const BACKDATED: Duration = Duration::days(7);

/// How long before its expiry a certificate is replaced.
const RENEWAL: Duration = Duration::days(30);

/// TLS with the certificate kept in the folder `state`, or with a new one if there is none, if it ends within 30 days,
/// or if it is not valid for `address`.
pub(crate) fn load_or_create(state: &Path, address: IpAddr, journal: &Journal) -> Result<Tls, DpsError> {
    let (path, ca) = (state.join("server.pem"), state.join("ca.pem"));
    let invalid = |error: Box<dyn Error>| DpsError::Certificate(path.clone(), error.to_string());
    let mut pem = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(state, &path, address)?,
        read => read.map_err(|error| invalid(error.into()))?,
    };
    if let Some(why) = outdated(&pem, address).map_err(invalid)? {
        let ca = ca.display();
        journal
            .warn(format!("The server certificate {why}: made a new one. Devices must trust the new {ca}"));
        pem = create(state, &path, address)?;
    }
    let tls = Tls::new(&pem, ca.clone()).map_err(invalid)?;
    let ca_pem = pem.rfind("-----BEGIN CERTIFICATE-----").map_or("", |start| &pem[start..]);
    if fs::read_to_string(&ca).ok().as_deref() != Some(ca_pem) {
        write(&ca, ca_pem, 0o644)?;
    }
    Ok(tls)
}

/// Why the certificate in `pem` is to be replaced; `None` if it is still good for a server at `address`.
fn outdated(pem: &str, address: IpAddr) -> Result<Option<&'static str>, Box<dyn Error>> {
    let leaf = CertificateDer::from_pem_slice(pem.as_bytes())?;
    let ends = X509Certificate::from_der(&leaf)?.1.validity.not_after;
    if ends.to_datetime() < OffsetDateTime::now_utc() + RENEWAL {
        return Ok(Some("ends within 30 days"));
    }
    let named = verify_server_name(&ParsedCertificate::try_from(&leaf)?, &address.into());
    Ok((named.is_err() && !address.is_unspecified()).then_some("is not valid for the address"))
}

/// Makes certificates for a server at `address` and keeps them: the text of `path`.
fn create(state: &Path, path: &Path, address: IpAddr) -> Result<String, DpsError> {
    let pem = generate(address).map_err(|error| DpsError::Certificate(path.to_owned(), error.to_string()))?;
    fs::create_dir_all(state).map_err(|error| DpsError::State(state.to_owned(), error))?;
    write(path, &pem, 0o600)?;
    Ok(pem)
}

/// The text of a new `server.pem`, for a server at `address`.
fn generate(address: IpAddr) -> Result<String, rcgen::Error> {
    let now = OffsetDateTime::now_utc();
    let params = |common_name: &str, names: Vec<String>| -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = now - BACKDATED;
        params.not_after = now - BACKDATED + LIFE;
        // rcgen derives serial numbers from the key; OpenSSL requires those of one issuer to differ.
        params.serial_number = Some(SerialNumber::from(uuid::Uuid::new_v4().as_bytes()[1..].to_vec()));
        Ok(params)
    };
    let ca_key = KeyPair::generate()?;
    // A name of its own: a device that trusts another CA of the same name would report a bad signature.
    let name = format!("DPS emulator CA {} {:.8}", now.date(), uuid::Uuid::new_v4().simple());
    let mut ca = params(&name, Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_certificate = ca.self_signed(&ca_key)?;

    let key = KeyPair::generate()?;
    let mut names: Vec<String> = NAMES.map(str::to_owned).into();
    if !address.is_unspecified() && !names.contains(&address.to_string()) {
        names.push(address.to_string());
    }
    let mut leaf = params("DPS emulator", names)?;
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;
    Ok(format!("{}{}{}", key.serialize_pem(), leaf.pem(), ca_certificate.pem()))
}

/// Writes a file whole or not at all. `mode` is that of a new file, on Unix.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), DpsError> {
    let draft = path.with_extension("pem.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    written.map_err(|error| DpsError::State(path.to_owned(), error))
}
