//! The server certificate and the certificate authority (CA) that devices are told to trust.
//!
//! Both are made on first use and kept in the state folder, so that a device which trusts the CA once goes on
//! doing so. Two files:
//!
//! - `ca.pem`: the CA certificate, for `OPTION_TRUSTED_CERT` (C), `server_verification_cert` (Python),
//!   `NODE_EXTRA_CA_CERTS` (Node), a trust store (.NET, Java).
//! - `server.pem`: the server's private key, its certificate and the CA certificate. Readable by its owner alone.
//!
//! The CA's own key is discarded once it has signed the one server certificate, so that nothing else can be signed
//! with it: `ca.pem` can safely be added to the trust store of a machine.
//!
//! Keys are ECDSA on the curve P-256, which all device SDKs accept.

use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rcgen::{KeyUsagePurpose, SerialNumber};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::error::DpsError;
use journal::Journal;

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

/// The line that opens each certificate in a PEM file.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// A server certificate with its key, and where it and the CA certificate are kept.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// Leaf first, then the CA.
    pub(crate) chain: [CertificateDer<'static>; 2],
    /// The key of the leaf.
    pub(crate) key: PrivateKeyDer<'static>,
    /// `server.pem`
    pub(crate) path: PathBuf,
    /// `ca.pem`
    pub(crate) ca: PathBuf,
}

// === impl Certificate ===

impl Certificate {
    /// The certificate kept in the folder `state`, or a new one if there is none, if it ends within 30 days, or
    /// if it is not valid for `address`.
    ///
    /// # Errors
    ///
    /// [`DpsError::State`] if a file cannot be read or written, [`DpsError::Certificate`] if `server.pem` is not
    /// a key and two certificates.
    pub(crate) fn load_or_create(state: &Path, address: IpAddr, journal: &Journal) -> Result<Self, DpsError> {
        let (path, ca) = (state.join("server.pem"), state.join("ca.pem"));
        let invalid = |why| DpsError::Certificate(path.clone(), why);
        let kept = match fs::read_to_string(&path) {
            Ok(pem) => Some(pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(DpsError::State(path, error)),
        };
        if let Some(pem) = &kept {
            let (_, [leaf, _]) = parse(pem).map_err(invalid)?;
            match outdated(&leaf, address).map_err(invalid)? {
                Some(why) => journal.warn(format!(
                    "The server certificate {why}: made a new one. Devices must trust the new {}",
                    ca.display()
                )),
                None => return Self::new(pem, path, ca),
            }
        }
        let pem = generate(address, OffsetDateTime::now_utc()).map_err(|error| invalid(error.to_string()))?;
        fs::create_dir_all(state).map_err(|error| DpsError::State(state.to_owned(), error))?;
        write(&path, &pem, 0o600)?;
        Self::new(&pem, path, ca)
    }

    /// The certificate that `pem`, the text of `path`, holds. Writes `ca` unless it is there.
    fn new(pem: &str, path: PathBuf, ca: PathBuf) -> Result<Self, DpsError> {
        let (key, chain) = parse(pem).map_err(|why| DpsError::Certificate(path.clone(), why))?;
        let ca_pem = pem.rfind(BEGIN).map_or("", |start| &pem[start..]);
        if fs::read_to_string(&ca).is_ok_and(|kept| kept == ca_pem) {
            return Ok(Self { chain, key, path, ca });
        }
        write(&ca, ca_pem, 0o644)?;
        Ok(Self { chain, key, path, ca })
    }

    /// When it is valid: `from {date} to {date}`.
    pub(crate) fn validity(&self) -> Option<String> {
        let (_, leaf) = X509Certificate::from_der(&self.chain[0]).ok()?;
        let dates = [leaf.validity.not_before, leaf.validity.not_after].map(|time| time.to_datetime().date());
        Some(format!("from {} to {}", dates[0], dates[1]))
    }
}

/// The key and the two certificates of `server.pem`. The error says what is wrong with it.
fn parse(pem: &str) -> Result<(PrivateKeyDer<'static>, [CertificateDer<'static>; 2]), String> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| format!("invalid private key: {error}"))?;
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("invalid certificates: {error}"))?;
    let chain = <[_; 2]>::try_from(chain);
    Ok((key, chain.map_err(|chain| format!("expected 2 certificates, found {}", chain.len()))?))
}

/// Why `leaf` is to be replaced; `None` if it is still good for a server at `address`.
fn outdated(leaf: &[u8], address: IpAddr) -> Result<Option<&'static str>, String> {
    let (_, leaf) =
        X509Certificate::from_der(leaf).map_err(|error| format!("invalid certificate: {error}"))?;
    if leaf.validity.not_after.to_datetime() < OffsetDateTime::now_utc() + RENEWAL {
        return Ok(Some("ends within 30 days"));
    }
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let names = leaf.subject_alternative_name().map_err(|error| format!("invalid certificate: {error}"))?;
    let named = names.is_some_and(|names| {
        names
            .value
            .general_names
            .iter()
            .any(|name| matches!(name, GeneralName::IPAddress(ip) if *ip == octets))
    });
    Ok((!named && !address.is_unspecified()).then_some("is not valid for the address"))
}

/// The text of a new `server.pem`, for a server at `address`.
fn generate(address: IpAddr, now: OffsetDateTime) -> Result<String, rcgen::Error> {
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
    // The day in the name distinguishes CAs in a list of trusted ones.
    let mut ca = params(&format!("DPS emulator CA {}", now.date()), Vec::new())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn made(address: &str, days_ago: i64) -> String {
        generate(address.parse().unwrap(), OffsetDateTime::now_utc() - Duration::days(days_ago)).unwrap()
    }

    #[test]
    fn a_certificate_is_kept_until_thirty_days_before_its_end_and_for_its_address() {
        for (made_for, days_ago, address, expected) in [
            ("127.0.0.1", 0, "127.0.0.1", None),
            ("127.0.0.1", 782, "127.0.0.1", None),
            ("127.0.0.1", 784, "127.0.0.1", Some("ends within 30 days")),
            ("127.0.0.1", 2000, "127.0.0.1", Some("ends within 30 days")),
            ("127.0.0.2", 0, "127.0.0.2", None),
            ("127.0.0.2", 0, "::1", None),
            ("127.0.0.2", 0, "0.0.0.0", None),
            ("127.0.0.2", 0, "127.0.0.3", Some("is not valid for the address")),
        ] {
            let (_, [leaf, _]) = parse(&made(made_for, days_ago)).unwrap();
            assert_eq!(
                outdated(&leaf, address.parse().unwrap()),
                Ok(expected),
                "{made_for} {days_ago} {address}"
            );
        }
    }

    #[test]
    fn a_new_certificate_is_good_for_a_device_whose_clock_is_days_behind() {
        let (_, chain) = parse(&made("127.0.0.1", 0)).unwrap();
        for certificate in &chain {
            let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
            assert!(
                certificate.validity.not_before.to_datetime() < OffsetDateTime::now_utc() - Duration::days(6)
            );
        }
    }

    #[test]
    fn a_file_without_a_key_or_two_certificates_is_invalid() {
        let pem = made("127.0.0.1", 0);
        let certificates = pem.find(BEGIN).unwrap();
        for part in ["", "x", &pem[..certificates], &pem[certificates..], &pem[..pem.rfind(BEGIN).unwrap()]] {
            assert!(parse(part).is_err(), "{part}");
        }
    }
}
