//! TLS: what is spoken, and what the log says of clients that fail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
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
use super::server::{DEADLINE, Device, Stage, shake};

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
