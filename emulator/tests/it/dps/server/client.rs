//! A device's side of TLS.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::DEADLINE;

/// A device's side of a TLS connection.
pub(crate) struct Device {
    pub(crate) stream: TlsStream<TcpStream>,
}

impl Device {
    /// Connects and shakes hands as `localhost`.
    pub(crate) async fn connect(
        address: SocketAddr,
        ca: &Path,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let stream = shake(address, ca, "localhost", versions).await.unwrap();
        Self { stream }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(DEADLINE, sent).await.expect("the bytes should be taken").unwrap();
    }

    /// Reads exactly as many bytes as `expected` has, which must be those.
    pub(crate) async fn expect(&mut self, expected: &[u8]) {
        let got = self.read(expected.len()).await;
        assert_eq!(got, expected, "\n got {}\nwant {}", hex(&got), hex(expected));
    }

    pub(crate) async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = timeout(DEADLINE, self.stream.read_exact(&mut bytes)).await;
        read.expect("bytes should come").unwrap();
        bytes
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = timeout(DEADLINE, self.stream.read_to_end(&mut rest)).await;
        match read.expect("the connection should end") {
            Ok(_) => rest,
            // The other side may reset what it cuts, or spare itself the farewell of TLS.
            Err(error)
                if [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof].contains(&error.kind()) =>
            {
                rest
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The connection ends without another byte.
    pub(crate) async fn expect_end(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "{}", hex(&rest));
    }
}

/// A TLS handshake with the server at `address` as `name`.
pub(crate) async fn shake(
    address: SocketAddr,
    ca: &Path,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let shake = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    timeout(DEADLINE, shake).await.expect("the handshake should end")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}
