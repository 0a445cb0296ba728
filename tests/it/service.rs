use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::authority::Certificate;

/// An HTTP service that does with a request what the test says. Ended with the test's runtime.
pub struct Service {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What the service does.
#[derive(Clone, Debug)]
pub enum Does {
    /// Writes these bytes and closes the connection.
    Writes(Vec<u8>),
    /// Writes these bytes and then nothing more, ever.
    HangsAfter(&'static [u8]),
    /// Writes these bytes over and over until nobody reads them.
    WritesOnAndOn(&'static [u8]),
}

/// A complete answer.
pub fn answer(status: &str, body: &str) -> Does {
    Does::Writes(
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
            .into_bytes(),
    )
}

impl Service {
    /// A service that does as `does` says of a request's first line.
    pub async fn start(does: impl Fn(&str) -> Does + Send + Sync + 'static) -> Self {
        Self::start_on(None, does).await
    }

    pub async fn start_with_tls(
        certificate: &Certificate,
        does: impl Fn(&str) -> Does + Send + Sync + 'static,
    ) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self::start_on(Some(TlsAcceptor::from(Arc::new(server))), does).await
    }

    async fn start_on(tls: Option<TlsAcceptor>, does: impl Fn(&str) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (heard, does) = (requests.clone(), Arc::new(does));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, heard, does) = (tls.clone(), heard.clone(), does.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &heard, &*does).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &heard, &*does).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    heard: &Mutex<Vec<String>>,
    does: &(dyn Fn(&str) -> Does + Send + Sync),
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let first = head.lines().next().unwrap().to_owned();
    heard.lock().unwrap().push(head);
    match does(&first) {
        Does::Writes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Does::HangsAfter(bytes) => {
            let _ = stream.write_all(bytes).await;
            std::future::pending().await
        }
        Does::WritesOnAndOn(bytes) => while stream.write_all(bytes).await.is_ok() {},
    }
}
