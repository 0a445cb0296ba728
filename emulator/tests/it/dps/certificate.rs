//! The certificate that the service makes, keeps and replaces.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journal::Journal;
use provisioning_service::{Dps, DpsError, DpsOptions};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::server::{Device, Stage, options, shake};

#[tokio::test]
async fn a_start_that_fails_leaves_the_certificate_of_a_running_service_alone() {
    let stage = Stage::start().await;
    let files = || ["server.pem", "ca.pem"].map(|file| std::fs::read(stage.state.path().join(file)).unwrap());
    let before = files();
    let (journal, _) = Journal::kept();
    let mut second = options(stage.state.path(), stage.webhook.address);
    second.address = "127.0.0.5".parse().unwrap();
    let error = Dps::start(second, journal.clone()).await.unwrap_err();
    assert!(error.to_string().ends_with(": another emulator uses this folder; give each its own"), "{error}");
    assert_eq!(files(), before);

    // An address of no interface of this machine.
    let folder = tempfile::tempdir().unwrap();
    let mut elsewhere = options(folder.path(), stage.webhook.address);
    elsewhere.address = "192.0.2.1".parse().unwrap();
    let error = Dps::start(elsewhere, journal).await.unwrap_err();
    assert!(matches!(error, DpsError::Listen { .. }), "{error}");
    assert!(!folder.path().join("server.pem").exists());
}

#[tokio::test]
async fn certificates_are_made_once_and_then_kept() {
    let state = tempfile::tempdir().unwrap();
    let first = start(state.path()).await.unwrap();
    let ca = std::fs::read_to_string(first.ca_certificate()).unwrap();
    assert_eq!(ca.matches("BEGIN CERTIFICATE").count(), 1, "{ca}");
    assert!(!ca.contains("PRIVATE"), "{ca}");
    first.stop().await;

    let server = state.path().join("server.pem");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&server).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The CA certificate comes back if it is lost.
    std::fs::remove_file(state.path().join("ca.pem")).unwrap();
    let second = start(state.path()).await.unwrap();
    assert_eq!(std::fs::read_to_string(second.ca_certificate()).unwrap(), ca);
    Device::connect(second.mqtt_address(), second.ca_certificate(), rustls::ALL_VERSIONS).await;
    second.stop().await;

    let pem = std::fs::read_to_string(&server).unwrap();
    let leaf = pem.find("-----BEGIN CERTIFICATE").unwrap();
    let invalid = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let parts = [&pem[..leaf], &pem[leaf..], &pem[..pem.rfind("-----BEGIN CERTIFICATE").unwrap()]];
    for text in parts.into_iter().chain(["", "x", invalid]) {
        std::fs::write(&server, text).unwrap();
        let error = start(state.path()).await.unwrap_err().to_string();
        assert!(error.contains("server.pem: unusable certificate: "), "{error}");
        assert!(error.contains("Delete the file"), "{error}");
        assert_eq!(std::fs::read_to_string(state.path().join("ca.pem")).unwrap(), ca, "it is left alone");
    }

    std::fs::remove_file(&server).unwrap();
    std::fs::create_dir(&server).unwrap();
    let error = start(state.path()).await.unwrap_err().to_string();
    assert!(error.contains("server.pem: "), "{error}");
}

#[tokio::test]
async fn a_certificate_is_replaced_if_it_ends_within_thirty_days_or_is_not_valid_for_the_address() {
    let state = tempfile::tempdir().unwrap();
    let server = state.path().join("server.pem");
    let restart = async |address: &str| {
        let options = options(state.path(), "127.0.0.1:9".parse().unwrap());
        let (journal, log) = Journal::kept();
        let dps = Dps::start(DpsOptions { address: address.parse().unwrap(), ..options }, journal).await;
        let dps = dps.unwrap();
        let mut address = dps.mqtt_address();
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let name = address.ip().to_string();
        shake(address, dps.ca_certificate(), &name, &[&TLS13]).await.unwrap();
        dps.stop().await;
        let replaced = log.entries().iter().find_map(|entry| {
            let why = entry.text.strip_prefix("The server certificate ")?;
            Some(why.split_once(": made a new one. Devices must trust the new ")?.0.to_owned())
        });
        replaced.unwrap_or_default()
    };
    for (address, replaced) in [
        ("127.0.0.1", ""),
        ("127.0.0.1", ""),
        ("127.0.0.79", "is not valid for the address"),
        ("127.0.0.79", ""),
        // Its names are valid still.
        ("127.0.0.1", ""),
        ("0.0.0.0", ""),
        ("127.0.0.80", "is not valid for the address"),
    ] {
        assert_eq!(restart(address).await, replaced, "{address}");
    }
    for (days, replaced) in
        [(31, ""), (29, "ends within 30 days"), (0, ""), (-1, "ends within 30 days"), (0, "")]
    {
        if days != 0 {
            std::fs::write(&server, ending_in(days)).unwrap();
        }
        assert_eq!(restart("127.0.0.1").await, replaced, "{days}");
    }
}

/// A `server.pem` whose certificates end in `days`.
fn ending_in(days: i64) -> String {
    let end = time::OffsetDateTime::now_utc() + time::Duration::days(days);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new([]).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.not_after = end;
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut leaf = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    leaf.not_after = end;
    let leaf = leaf.signed_by(&key, &rcgen::Issuer::new(ca, ca_key)).unwrap();
    format!("{}{}{ca_pem}", key.serialize_pem(), leaf.pem())
}

#[tokio::test]
async fn a_new_certificate_is_good_for_a_device_whose_clock_is_days_behind() {
    #[derive(Debug)]
    struct Behind;
    impl TimeProvider for Behind {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(
                Duration::from_secs(UnixTime::now().as_secs()) - Duration::from_secs(6 * 24 * 3600),
            ))
        }
    }
    let stage = Stage::start().await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(stage.dps.ca_certificate()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(Behind))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(stage.dps.mqtt_address()).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
}

/// A service with its state in `state`, whose webhook nobody serves.
async fn start(state: &Path) -> Result<Dps, DpsError> {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    Dps::start(options(state, nowhere), Journal::new(|_| ())).await
}
