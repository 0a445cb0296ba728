//! The server certificate of the stand-in and the certification authority (CA) that devices are told to trust.
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
use std::sync::Arc;
use std::time::Duration as StdDuration;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rcgen::{KeyUsagePurpose, SerialNumber};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use crate::error::DpsError;
use journal::Journal;

/// The names under which devices reach the stand-in: those of this machine, and the service's global endpoint
/// for devices that are sent here by a hosts file or a proxy.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "global.azure-devices-provisioning.net"];

/// How long both certificates are good for: some systems refuse a server certificate of more than 825 days
/// (<https://support.apple.com/HT210176>).
const LIFE: Duration = Duration::days(820);

/// How long before its expiry a certificate is replaced.
const RENEWAL: StdDuration = StdDuration::from_secs(30 * 24 * 60 * 60);

/// The line that opens each certificate in a PEM file.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// A server certificate with its key, and where the CA certificate lies.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// Leaf first, then the CA.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The key of the leaf.
    pub(crate) key: PrivateKeyDer<'static>,
    /// When it is valid: `from {date} to {date}`.
    pub(crate) validity: String,
    /// The PEM file of the CA certificate.
    pub(crate) ca: PathBuf,
}

/// What is wrong with a kept certificate.
enum Problem {
    /// A new one has to be made.
    Outdated(&'static str),
    /// The file was changed by somebody else.
    Invalid(String),
}

// === impl Certificate ===

impl Certificate {
    /// The certificate kept in the folder `state`, or a new one if there is none, if it ends within 30 days, or
    /// if it is not valid for `address`.
    ///
    /// # Errors
    ///
    /// [`DpsError::State`] if a file cannot be read or written, [`DpsError::Certificate`] if what `server.pem`
    /// holds is not a key and two certificates that belong together.
    pub(crate) fn load_or_create(state: &Path, address: IpAddr, journal: &Journal) -> Result<Self, DpsError> {
        let path = state.join("server.pem");
        let ca = state.join("ca.pem");
        let names = names(address);
        let kept = match fs::read(&path) {
            Ok(pem) => Some(pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(DpsError::State(path, error)),
        };
        let pem = match kept.map(|pem| check(&pem, &names).map(|()| pem)) {
            Some(Ok(pem)) => pem,
            Some(Err(Problem::Invalid(why))) => return Err(DpsError::Certificate(path, why)),
            Some(Err(Problem::Outdated(why))) => {
                journal.warn(format!(
                    "The server certificate {why}: made a new one. Devices must trust the new {}",
                    ca.display()
                ));
                create(&path, &names)?
            }
            None => create(&path, &names)?,
        };
        let invalid = |why| DpsError::Certificate(path.clone(), why);
        let (key, chain) = parse(&pem).map_err(invalid)?;
        let (_, leaf) = X509Certificate::from_der(&chain[0]).map_err(|error| invalid(error.to_string()))?;
        let date = |time: ASN1Time| time.to_datetime().date();
        let validity =
            format!("from {} to {}", date(leaf.validity.not_before), date(leaf.validity.not_after));
        write_ca(&ca, &pem)?;
        Ok(Self { chain: chain.into(), key, validity, ca })
    }
}

/// [`NAMES`], and `address` if it is another one that a device can ask for.
fn names(address: IpAddr) -> Vec<String> {
    let mut names: Vec<String> = NAMES.map(str::to_owned).into();
    let address = address.to_string();
    if !names.contains(&address) && !["0.0.0.0", "::"].contains(&address.as_str()) {
        names.push(address);
    }
    names
}

/// Checks a kept certificate as a device would, for each name, as of 30 days from now.
fn check(pem: &[u8], names: &[String]) -> Result<(), Problem> {
    let invalid = |error: rustls::Error| Problem::Invalid(error.to_string());
    let (key, chain) = parse(pem).map_err(Problem::Invalid)?;
    let provider = Arc::new(ring::default_provider());
    let [leaf, ca] = &chain;
    CertifiedKey::from_der(chain.to_vec(), key, &provider).map_err(invalid)?;
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).map_err(invalid)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Problem::Invalid(error.to_string()))?;
    let then = UnixTime::since_unix_epoch(StdDuration::from_secs(UnixTime::now().as_secs()) + RENEWAL);
    for name in names {
        let name =
            ServerName::try_from(name.as_str()).map_err(|error| Problem::Invalid(error.to_string()))?;
        match verifier.verify_server_cert(leaf, std::slice::from_ref(ca), &name, &[], then) {
            Ok(_) => {}
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => return Err(Problem::Outdated("ends within 30 days")),
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => return Err(Problem::Outdated("is not valid for the address")),
            Err(error) => return Err(invalid(error)),
        }
    }
    Ok(())
}

/// The key and the two certificates of `server.pem`. The error says what is wrong with it.
fn parse(pem: &[u8]) -> Result<(PrivateKeyDer<'static>, [CertificateDer<'static>; 2]), String> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| format!("invalid private key: {error}"))?;
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("invalid certificates: {error}"))?;
    let chain = <[_; 2]>::try_from(chain);
    Ok((key, chain.map_err(|chain| format!("expected 2 certificates, found {}", chain.len()))?))
}

/// Makes a CA and a server certificate, and writes `server.pem`.
fn create(path: &Path, names: &[String]) -> Result<Vec<u8>, DpsError> {
    let pem = generate(names, OffsetDateTime::now_utc())
        .map_err(|error| DpsError::Certificate(path.to_owned(), error.to_string()))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| DpsError::State(path.to_owned(), error))?;
    }
    write(path, pem.as_bytes(), 0o600)?;
    Ok(pem.into_bytes())
}

/// Writes a file whole or not at all. `mode` is that of a new file, on Unix.
fn write(path: &Path, contents: &[u8], mode: u32) -> Result<(), DpsError> {
    let draft = path.with_extension("pem.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    written.map_err(|error| DpsError::State(path.to_owned(), error))
}

/// The text of a new `server.pem`, good from a day before `now`, for clocks that are behind.
fn generate(names: &[String], now: OffsetDateTime) -> Result<String, rcgen::Error> {
    let params = |name: &str, names: &[String]| -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = now - Duration::DAY;
        params.not_after = now - Duration::DAY + LIFE;
        // rcgen derives serial numbers from the key; OpenSSL requires those of one issuer to differ.
        params.serial_number = Some(SerialNumber::from(uuid::Uuid::new_v4().as_bytes()[1..].to_vec()));
        Ok(params)
    };
    let ca_key = KeyPair::generate()?;
    // The day in the name distinguishes CAs in a list of trusted ones.
    let mut ca = params(&format!("DPS emulator CA {}", now.date()), &[])?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_certificate = ca.self_signed(&ca_key)?;

    let key = KeyPair::generate()?;
    let mut leaf = params("DPS emulator", names)?;
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;
    Ok(format!("{}{}{}", key.serialize_pem(), leaf.pem(), ca_certificate.pem()))
}

/// Writes the CA certificate, the last of `pem`, unless the file is the same already.
fn write_ca(path: &Path, pem: &[u8]) -> Result<(), DpsError> {
    let pem = String::from_utf8_lossy(pem);
    let ca = pem.rfind(CERTIFICATE).map_or("", |start| &pem[start..]);
    if fs::read_to_string(path).is_ok_and(|kept| kept == ca) {
        return Ok(());
    }
    write(path, ca.as_bytes(), 0o644)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn problem(pem: &str, address: [u8; 4]) -> Option<String> {
        match check(pem.as_bytes(), &names(Ipv4Addr::from(address).into())) {
            Ok(()) => None,
            Err(Problem::Outdated(why)) => Some(format!("outdated: {why}")),
            Err(Problem::Invalid(why)) => Some(format!("invalid: {why}")),
        }
    }

    #[test]
    fn a_certificate_is_kept_until_thirty_days_before_its_end() {
        let local = names(Ipv4Addr::LOCALHOST.into());
        let made = |days_ago| generate(&local, OffsetDateTime::now_utc() - Duration::days(days_ago)).unwrap();
        assert_eq!(problem(&made(0), [127, 0, 0, 1]), None);
        assert_eq!(problem(&made(788), [127, 0, 0, 1]), None);
        let outdated = Some("outdated: ends within 30 days".to_owned());
        assert_eq!(problem(&made(790), [127, 0, 0, 1]), outdated);
        assert_eq!(problem(&made(2000), [127, 0, 0, 1]), outdated);
    }

    #[test]
    fn a_certificate_is_for_the_address_that_is_listened_on() {
        let made = |address: [u8; 4]| {
            generate(&names(Ipv4Addr::from(address).into()), OffsetDateTime::now_utc()).unwrap()
        };
        let pem = made([127, 0, 0, 2]);
        assert_eq!(problem(&pem, [127, 0, 0, 2]), None);
        assert_eq!(problem(&pem, [127, 0, 0, 1]), None);
        assert_eq!(problem(&pem, [0, 0, 0, 0]), None);
        assert_eq!(problem(&pem, [127, 0, 0, 3]), Some("outdated: is not valid for the address".to_owned()));
    }

    #[test]
    fn a_file_that_was_tampered_with_is_not_taken_for_an_old_one() {
        let local = names(Ipv4Addr::LOCALHOST.into());
        let generate = || generate(&local, OffsetDateTime::now_utc()).unwrap();
        let (one, other) = (generate(), generate());
        let certificates = one.find(CERTIFICATE).unwrap();
        let foreign_key = format!("{}{}", &other[..other.find(CERTIFICATE).unwrap()], &one[certificates..]);
        let no_ca = &one[..one.rfind(CERTIFICATE).unwrap()];
        let foreign_ca = format!("{no_ca}{}", &other[other.rfind(CERTIFICATE).unwrap()..]);
        for pem in ["", "x", &one[..certificates], &one[certificates..], no_ca, &foreign_key, &foreign_ca] {
            let problem = problem(pem, [127, 0, 0, 1]);
            assert!(
                problem.as_ref().is_some_and(|problem| problem.starts_with("invalid: ")),
                "{problem:?} of\n{pem}"
            );
        }
    }
}
