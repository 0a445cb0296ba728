//! TLS, the certificates, and the life of the stand-in: start, restart, stop.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::Journal;
use provisioning_service::{Dps, DpsError, DpsOptions};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::mqtt_client::good_connect;
use super::server::{DEADLINE, Device, Stage, options, shake};

#[tokio::test]
async fn both_versions_of_tls_and_all_names_are_good_on_both_ports() {
    let stage = Stage::start().await;
    for address in [stage.dps.mqtt_address(), stage.dps.https_address()] {
        for (versions, expected) in [([&TLS12], "TLSv1_2"), ([&TLS13], "TLSv1_3")] {
            for name in ["localhost", "127.0.0.1", "::1", "global.azure-devices-provisioning.net"] {
                let stream = shake(address, stage.dps.ca_certificate(), name, &versions).await;
                let stream = stream.unwrap_or_else(|error| panic!("{name}, {expected}: {error}"));
                let version = stream.get_ref().1.protocol_version();
                assert_eq!(format!("{:?}", version.unwrap()), expected);
                // Leaf and CA, for devices that build no chain of their own.
                assert_eq!(stream.get_ref().1.peer_certificates().unwrap().len(), 2);
            }
        }
    }
    let other = shake(stage.dps.mqtt_address(), stage.dps.ca_certificate(), "example.com", &[&TLS13]).await;
    let refused = other.unwrap_err().to_string();
    assert!(refused.contains("example.com"), "{refused}");
}

#[tokio::test]
async fn a_device_that_trusts_another_ca_is_told_which_to_trust() {
    let (stage, other) = (Stage::start().await, Stage::start().await);
    for (protocol, address) in [("MQTT", stage.dps.mqtt_address()), ("HTTPS", stage.dps.https_address())] {
        for versions in [[&TLS12], [&TLS13]] {
            let shaken = shake(address, other.dps.ca_certificate(), "localhost", &versions).await;
            assert!(shaken.is_err());
        }
        stage.says_often(2, &[&format!("{protocol} 127.0.0.1:"), "does not trust", "ca.pem"]).await;
    }
}

#[tokio::test]
async fn a_client_that_closes_right_after_the_handshake_is_told_which_ca_to_trust() {
    // As .NET does, which looks at the certificate once the handshake is done, and Node.
    let stage = Stage::start().await;
    for (protocol, address) in [("MQTT", stage.dps.mqtt_address()), ("HTTPS", stage.dps.https_address())] {
        for version in [&TLS12, &TLS13] {
            for says_goodbye in [true, false] {
                let mut stream = unverified(address, version, None).await.unwrap();
                if says_goodbye {
                    stream.shutdown().await.unwrap();
                }
            }
        }
        let expected = "the client closed the connection right after the TLS handshake: it may not trust the certificate \
                        authority; have it trust ";
        stage.says_often(4, &[&format!("{protocol} 127.0.0.1:"), expected, "ca.pem"]).await;
    }
}

#[tokio::test]
async fn a_client_that_closes_during_the_handshake_is_told_which_ca_to_trust() {
    // As C does with some libraries: no alert, the connection is just closed.
    let stage = Stage::start().await;
    for (protocol, address) in [("MQTT", stage.dps.mqtt_address()), ("HTTPS", stage.dps.https_address())] {
        for version in [&TLS12, &TLS13] {
            let config = Arc::new(unverifying(version, None));
            let name = "localhost".try_into().unwrap();
            let mut hello = rustls::ClientConnection::new(config, name).unwrap();
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut bytes = Vec::new();
            hello.write_tls(&mut bytes).unwrap();
            stream.write_all(&bytes).await.unwrap();
            assert_ne!(stream.read(&mut [0; 64]).await.unwrap(), 0, "the server answers");
        }
        let expected = "the client closed the connection during the TLS handshake: it may not trust";
        stage.says_often(2, &[&format!("{protocol} 127.0.0.1:"), expected, "ca.pem"]).await;
        // Who connects and says nothing, such as a probe of the port, is not blamed.
        drop(TcpStream::connect(address).await.unwrap());
    }
    stage.says_often(4, &["TLS: "]).await;
}

#[tokio::test]
async fn a_device_whose_clock_is_behind_is_not_said_to_distrust_the_ca() {
    let stage = Stage::start().await;
    let address = stage.dps.mqtt_address();
    for version in [&TLS12, &TLS13] {
        // Rustls sends certificate_expired for one that is not valid yet.
        let error = CertificateError::NotValidYet;
        assert!(unverified(address, version, Some(error)).await.is_err());
        // OpenSSL sends bad_certificate, as Rustls does for another name.
        let error = CertificateError::NotValidForName;
        assert!(unverified(address, version, Some(error)).await.is_err());
    }
    let clock = "the clock of the client may be wrong: the certificate is valid from ";
    stage.says_often(2, &["MQTT 127.0.0.1:", clock, " to "]).await;
    let clock = "(BadCertificate): its clock may be wrong (the certificate is valid from ";
    stage.says_often(2, &["MQTT 127.0.0.1:", "the client refused the certificate", clock, "ca.pem"]).await;
    assert_eq!(stage.lines(&["have it trust"]), 0, "{}", stage.whole_log());
}

/// A handshake by a client that does not look at the certificate, or finds `fault` with it.
async fn unverified(
    address: SocketAddr,
    version: &'static SupportedProtocolVersion,
    fault: Option<CertificateError>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(unverifying(version, fault)));
    let stream = TcpStream::connect(address).await.unwrap();
    connector.connect("localhost".try_into().unwrap(), stream).await
}

fn unverifying(version: &'static SupportedProtocolVersion, fault: Option<CertificateError>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Unverifying { fault, provider: provider.clone() });
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

#[derive(Debug)]
struct Unverifying {
    fault: Option<CertificateError>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unverifying {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.fault {
            Some(fault) => Err(fault.clone().into()),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn localhost_is_both_loopback_addresses_at_one_port() {
    let stage = Stage::start().await;
    let ca = stage.dps.ca_certificate();
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    for mut address in [stage.dps.mqtt_address(), stage.dps.https_address()] {
        assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
        shake(address, ca, "localhost", &[&TLS13]).await.unwrap();
        address.set_ip(Ipv6Addr::LOCALHOST.into());
        assert_eq!(shake(address, ca, "localhost", &[&TLS13]).await.is_ok(), has_ipv6);
    }
    // A device registers there as well.
    if has_ipv6 {
        let address = (Ipv6Addr::LOCALHOST, stage.dps.mqtt_address().port()).into();
        let mut device = Device::connect(address, ca, rustls::ALL_VERSIONS).await;
        device.enter("dev1").await;
        assert_eq!(device.register("1", "").await.body["status"], "assigning");
    }
    // Any other address is listened on alone.
    let other = Stage::with(|options| options.address = Ipv4Addr::new(127, 0, 0, 78).into()).await;
    let port = other.dps.mqtt_address().port();
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.is_err());
}

#[tokio::test]
async fn clients_that_do_not_speak_tls_are_refused_with_a_line() {
    let stage = Stage::with(|options| options.timeout = Duration::from_secs(3)).await;
    for address in [stage.dps.mqtt_address(), stage.dps.https_address()] {
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            good_connect("dev1"),
            b"AMQP\0\x01\0\0".to_vec(),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            let mut answer = String::new();
            let _ = timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("the end");
            if bytes.starts_with(b"GET") {
                assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
                assert!(
                    answer.ends_with("TLS: expected a TLS handshake, found HTTP without TLS"),
                    "{answer}"
                );
            }
        }
    }
    for port in ["MQTT", "HTTPS"] {
        for spoken in ["HTTP", "MQTT", "AMQP"] {
            let expected = format!("TLS: expected a TLS handshake, found {spoken} without TLS");
            stage.says_often(1, &[&format!("{port} 127.0.0.1:"), &expected]).await;
        }
    }
    // Half open: nothing, or the first byte of a handshake, and then silence.
    for bytes in [&b""[..], &[0x16][..]] {
        let mut stream = TcpStream::connect(stage.dps.mqtt_address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let _ = timeout(DEADLINE, stream.read_to_end(&mut Vec::new())).await.expect("the end");
    }
    stage.says_often(2, &["MQTT 127.0.0.1:", "TLS: no handshake within 3 s"]).await;
    assert_eq!(stage.lines(&["TLS: "]), 8, "one line each\n{}", stage.whole_log());
}

async fn start(state: &Path) -> Result<Dps, DpsError> {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    Dps::start(options(state, nowhere), Journal::new(|_| ())).await
}

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

#[tokio::test]
async fn assignments_outlive_a_restart() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    let answer = device.register("1", "").await;
    let operation_id = answer.body["operationId"].as_str().unwrap().to_owned();
    let assigned = device.settle(&operation_id).await;
    assert_eq!(assigned.body["status"], "assigned", "{assigned:?}");
    stage.dps.stop().await;

    let again = options(stage.state.path(), stage.webhook.address);
    let dps = Dps::start(again, Journal::new(|_| ())).await.unwrap();
    let mut device = Device::connect(dps.mqtt_address(), dps.ca_certificate(), rustls::ALL_VERSIONS).await;
    device.enter("dev1").await;
    let answer = device.settle(&operation_id).await;
    assert_eq!(answer.body, assigned.body);
    let answer = device.register("2", "").await;
    device.settle(answer.body["operationId"].as_str().unwrap()).await;
    let calls = stage.webhook.calls();
    assert!(!calls[0].contains("currentIotHubHostName"), "{calls:?}");
    assert!(
        calls[1].contains(r#""currentIotHubHostName":"contoso-toasters-hub-1098.azure-devices.net""#),
        "{calls:?}"
    );
    dps.stop().await;
}

#[tokio::test]
async fn a_stop_ends_everything_within_two_seconds_and_frees_the_ports() {
    // A busy machine can only add to the time: one stop in three shows how long it takes.
    let mut took = Vec::new();
    while took.iter().all(|took| *took >= Duration::from_secs(2)) {
        assert!(took.len() < 3, "{took:?}");
        took.push(stop_in_full_use().await);
    }
}

/// Stops a service in full use, and checks that nothing of it is left; how long the stop took.
async fn stop_in_full_use() -> Duration {
    // An address of its own: the ports that are freed are not given to the tests beside this one.
    let stage = Stage::with(|options| options.address = "127.0.0.77".parse().unwrap()).await;
    stage.webhook.hold();
    let (mqtt, https) = (stage.dps.mqtt_address(), stage.dps.https_address());
    let mut busy = stage.mqtt().await;
    busy.enter("dev1").await;
    busy.register("1", "").await;
    let mut silent = stage.mqtt().await;
    let mut idle = stage.https().await;
    idle.send(b"PUT /x/registr").await;
    let mut half_open = TcpStream::connect(mqtt).await.unwrap();
    let start = Instant::now();
    stage.dps.stop().await;
    let took = start.elapsed();
    for device in [&mut busy, &mut silent, &mut idle] {
        device.expect_end().await;
    }
    let _ = timeout(DEADLINE, half_open.read_to_end(&mut Vec::new())).await.expect("the end");
    for address in [mqtt, https] {
        assert!(TcpStream::connect(address).await.is_err(), "{address} still listens");
        std::net::TcpListener::bind(address).unwrap();
    }
    took
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_the_other_one_not_kept() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let state = tempfile::tempdir().unwrap();
    let clash =
        |options: DpsOptions| DpsOptions { https_ports: vec![taken.local_addr().unwrap().port()], ..options };
    let options = clash(options(state.path(), "127.0.0.1:9".parse().unwrap()));
    let error = Dps::start(options, Journal::new(|_| ())).await.unwrap_err();
    let (text, address) = (error.to_string(), taken.local_addr().unwrap());
    assert!(text.starts_with(&format!("cannot listen on {address} for HTTPS: ")), "{text}");
    assert!(text.contains("is another emulator"), "{text}");
    assert!(text.contains("--https-port sets another port"), "{text}");
}

#[tokio::test]
async fn a_port_for_mqtt_that_is_taken_names_its_flag() {
    let state = tempfile::tempdir().unwrap();
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let mut taken = vec![std::net::TcpListener::bind("127.0.0.1:0").unwrap()];
    // At ::1 alone as well.
    taken.extend(std::net::TcpListener::bind("[::1]:0"));
    for taken in &taken {
        let address = taken.local_addr().unwrap();
        let options = DpsOptions { mqtt_port: address.port(), ..options(state.path(), nowhere) };
        let text = Dps::start(options, Journal::new(|_| ())).await.unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot listen on {address} for MQTT: ")), "{text}");
        assert!(
            text.ends_with("(is another emulator or MQTT broker running? --mqtt-port sets another port)"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn https_takes_the_first_port_that_can_be_had_and_says_why_it_is_not_the_first() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let stage = Stage::with(|options| options.https_ports = vec![port, 0]).await;
    let listening = stage.dps.https_address().port();
    assert_ne!(listening, port);
    shake(stage.dps.https_address(), stage.dps.ca_certificate(), "localhost", &[&TLS13]).await.unwrap();
    let clients = "; the SDKs for C and Node connect to 443 only\n";
    let line = format!("[Information] HTTPS listens at {listening}: {port} is in use{clients}");
    assert!(stage.whole_log().contains(&line), "{}", stage.whole_log());
    // Where ports below 1024 need privileges and the tests have none.
    let privileged = std::net::TcpListener::bind("127.0.0.1:443").err();
    if privileged.is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) {
        let stage = Stage::with(|options| options.https_ports = vec![443, 0]).await;
        let listening = stage.dps.https_address().port();
        let line = format!(
            "[Information] HTTPS listens at {listening}: 443 needs privileges (on Linux: sudo sysctl \
             net.ipv4.ip_unprivileged_port_start=443){clients}"
        );
        assert!(stage.whole_log().contains(&line), "{}", stage.whole_log());
    }
    // The first one can be had: nothing is said.
    let stage = Stage::with(|options| options.https_ports = vec![0, port]).await;
    assert_eq!(stage.lines(&["HTTPS listens at"]), 0, "{}", stage.whole_log());
}

#[tokio::test]
async fn a_dropped_stand_in_stops_as_well() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    drop(stage);
    device.expect_end().await;
}

#[tokio::test]
async fn a_client_may_offer_protocols_that_are_not_spoken() {
    // As curl and browsers do: h2 and http/1.1 by ALPN.
    let stage = Stage::start().await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(stage.dps.ca_certificate()).unwrap()).unwrap();
    let mut config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(stage.dps.https_address()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut device = Device { stream: connector.connect(name, stream).await.unwrap() };
    device.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(device.rest().await.starts_with(b"HTTP/1.1 404 "));
}
