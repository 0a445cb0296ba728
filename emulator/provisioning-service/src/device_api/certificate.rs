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
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use time::{Duration, OffsetDateTime};

use crate::DpsError;
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
    /// The PEM file of the CA certificate.
    pub(crate) ca: PathBuf,
}

/// What is wrong with a certificate.
enum Flaw {
    /// A new one has to be made.
    Outlived(&'static str),
    /// The file was changed by somebody else.
    Damaged(String),
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
    pub(crate) fn keep(state: &Path, address: IpAddr, journal: &Journal) -> Result<Self, DpsError> {
        let path = state.join("server.pem");
        let names = names(address);
        let kept = match fs::read(&path) {
            Ok(pem) => Some(pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(DpsError::State(path, error)),
        };
        let pem = match kept.as_deref().map(|pem| check(pem, &names)) {
            Some(Ok(())) => kept.unwrap_or_default(),
            Some(Err(Flaw::Damaged(why))) => return Err(DpsError::Certificate(path, why)),
            Some(Err(Flaw::Outlived(why))) => {
                journal.warn(format!(
                    "The server certificate {why}: made a new one. Devices must trust the new {}",
                    state.join("ca.pem").display()
                ));
                mint_into(&path, &names)?
            }
            None => mint_into(&path, &names)?,
        };
        let (key, chain) = parse(&pem).map_err(|why| DpsError::Certificate(path, why))?;
        let ca = state.join("ca.pem");
        write_ca(&ca, &pem)?;
        Ok(Self { chain, key, ca })
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
fn check(pem: &[u8], names: &[String]) -> Result<(), Flaw> {
    let (key, chain) = parse(pem).map_err(Flaw::Damaged)?;
    let [leaf, ca] = chain.as_slice() else {
        return Err(Flaw::Damaged(format!("expected 2 certificates, found {}", chain.len())));
    };
    let damaged = |error: rustls::Error| Flaw::Damaged(error.to_string());
    let provider = Arc::new(ring::default_provider());
    let signer = provider.key_provider.load_private_key(key).map_err(damaged)?;
    rustls::sign::CertifiedKey::new(vec![leaf.clone()], signer).keys_match().map_err(damaged)?;

    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).map_err(damaged)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Flaw::Damaged(error.to_string()))?;
    let then = UnixTime::since_unix_epoch(StdDuration::from_secs(UnixTime::now().as_secs()) + RENEWAL);
    for name in names {
        let name = ServerName::try_from(name.as_str()).map_err(|error| Flaw::Damaged(error.to_string()))?;
        match verifier.verify_server_cert(leaf, std::slice::from_ref(ca), &name, &[], then) {
            Ok(_) => {}
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => return Err(Flaw::Outlived("ends within 30 days")),
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => return Err(Flaw::Outlived("is not valid for the address")),
            Err(error) => return Err(damaged(error)),
        }
    }
    Ok(())
}

/// Parses `server.pem`. The error says what is wrong with it.
fn parse(pem: &[u8]) -> Result<(PrivateKeyDer<'static>, Vec<CertificateDer<'static>>), String> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| format!("invalid private key: {error}"))?;
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("invalid certificates: {error}"))?;
    Ok((key, chain))
}

/// Makes a CA and a server certificate, and writes `server.pem` atomically.
fn mint_into(path: &Path, names: &[String]) -> Result<Vec<u8>, DpsError> {
    let pem = mint(names, OffsetDateTime::now_utc())
        .map_err(|error| DpsError::Certificate(path.to_owned(), error.to_string()))?
        .into_bytes();
    let lost = |error| DpsError::State(path.to_owned(), error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(lost)?;
    }
    let draft = path.with_extension("pem.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft).map_err(lost)?;
    file.write_all(&pem).and_then(|()| file.sync_all()).map_err(lost)?;
    fs::rename(&draft, path).map_err(lost)?;
    Ok(pem)
}

/// The text of a new `server.pem`, good from a day before `now`, for clocks that are behind.
fn mint(names: &[String], now: OffsetDateTime) -> Result<String, rcgen::Error> {
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
    let lost = |error| DpsError::State(path.to_owned(), error);
    let draft = path.with_extension("pem.new");
    fs::write(&draft, ca).map_err(lost)?;
    fs::rename(&draft, path).map_err(lost)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn flaw(pem: &str, address: [u8; 4]) -> Option<String> {
        match check(pem.as_bytes(), &names(Ipv4Addr::from(address).into())) {
            Ok(()) => None,
            Err(Flaw::Outlived(why)) => Some(format!("outlived: {why}")),
            Err(Flaw::Damaged(why)) => Some(format!("damaged: {why}")),
        }
    }

    #[test]
    fn a_certificate_is_kept_until_thirty_days_before_its_end() {
        let local = names(Ipv4Addr::LOCALHOST.into());
        let made = |days_ago| mint(&local, OffsetDateTime::now_utc() - Duration::days(days_ago)).unwrap();
        assert_eq!(flaw(&made(0), [127, 0, 0, 1]), None);
        assert_eq!(flaw(&made(788), [127, 0, 0, 1]), None);
        let outlived = Some("outlived: ends within 30 days".to_owned());
        assert_eq!(flaw(&made(790), [127, 0, 0, 1]), outlived);
        assert_eq!(flaw(&made(2000), [127, 0, 0, 1]), outlived);
    }

    #[test]
    fn a_certificate_is_for_the_address_that_is_listened_on() {
        let made = |address: [u8; 4]| {
            mint(&names(Ipv4Addr::from(address).into()), OffsetDateTime::now_utc()).unwrap()
        };
        let pem = made([127, 0, 0, 2]);
        assert_eq!(flaw(&pem, [127, 0, 0, 2]), None);
        assert_eq!(flaw(&pem, [127, 0, 0, 1]), None);
        assert_eq!(flaw(&pem, [0, 0, 0, 0]), None);
        assert_eq!(flaw(&pem, [127, 0, 0, 3]), Some("outlived: is not valid for the address".to_owned()));
    }

    #[test]
    fn a_file_that_was_tampered_with_is_not_taken_for_an_old_one() {
        let local = names(Ipv4Addr::LOCALHOST.into());
        let mint = || mint(&local, OffsetDateTime::now_utc()).unwrap();
        let (one, other) = (mint(), mint());
        let certificates = one.find(CERTIFICATE).unwrap();
        let foreign_key = format!("{}{}", &other[..other.find(CERTIFICATE).unwrap()], &one[certificates..]);
        let no_ca = &one[..one.rfind(CERTIFICATE).unwrap()];
        let foreign_ca = format!("{no_ca}{}", &other[other.rfind(CERTIFICATE).unwrap()..]);
        for pem in ["", "x", &one[..certificates], &one[certificates..], no_ca, &foreign_key, &foreign_ca] {
            let flaw = flaw(pem, [127, 0, 0, 1]);
            assert!(flaw.as_ref().is_some_and(|flaw| flaw.starts_with("damaged: ")), "{flaw:?} of\n{pem}");
        }
    }
}
