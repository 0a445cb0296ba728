//! A provisioning service to talk to: its address, its certificate, its log, a webhook behind it that does as
//! it is told, and what a device needs to be let in.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps_emulator::dps::{Config, Dps, DpsOptions};
use dps_emulator::journal::{Journal, Kept};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Far more than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The id scope of the stand-in.
pub(crate) const SCOPE: &str = "0ne00ABCDEF";

/// The hub that the webhook names.
pub(crate) const HUB: &str = "contoso-toasters-hub-1098.azure-devices.net";

/// The group’s primary key. Made up: 64 times the letter G.
pub(crate) fn group_key() -> String {
    STANDARD.encode([b'G'; 64])
}

/// A running stand-in with one enrollment group, whose policy is the webhook.
pub(crate) struct Stage {
    pub(crate) dps: Dps,
    pub(crate) log: Kept,
    pub(crate) webhook: Webhook,
    pub(crate) state: TempDir,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A stand-in whose answers do not wait, changed by `change`.
    pub(crate) async fn with(change: impl FnOnce(&mut DpsOptions)) -> Self {
        let webhook = Webhook::start().await;
        let state = tempfile::tempdir().unwrap();
        let mut options = options(state.path(), webhook.address);
        change(&mut options);
        let (journal, log) = Journal::kept();
        let dps = Dps::start(options, journal).await.unwrap();
        Self { dps, log, webhook, state }
    }

    /// A new connection to the MQTT port.
    pub(crate) async fn mqtt(&self) -> Device {
        Device::connect(self.dps.mqtt_address(), self.dps.ca_certificate(), rustls::ALL_VERSIONS).await
    }

    /// A new connection to the HTTPS port.
    pub(crate) async fn https(&self) -> Device {
        Device::connect(self.dps.https_address(), self.dps.ca_certificate(), rustls::ALL_VERSIONS).await
    }

    /// Waits until the log has a line with all of `words`.
    pub(crate) async fn says(&self, words: &[&str]) {
        self.count(1, words).await;
    }

    /// Waits until the log has `count` lines with all of `words`, which are all it has.
    pub(crate) async fn says_often(&self, count: usize, words: &[&str]) {
        self.count(count, words).await;
        assert_eq!(self.lines(words), count, "lines with {words:?}\n{}", self.whole_log());
    }

    async fn count(&self, count: usize, words: &[&str]) {
        let said = timeout(DEADLINE, async {
            while self.lines(words) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(said.await.is_ok(), "the log never said {words:?} ({count})\n{}", self.whole_log());
    }

    /// How many lines of the log have all of `words`.
    pub(crate) fn lines(&self, words: &[&str]) -> usize {
        let entries = self.log.entries();
        entries.iter().filter(|entry| words.iter().all(|word| entry.text.contains(word))).count()
    }

    pub(crate) fn whole_log(&self) -> String {
        self.log.entries().iter().map(|entry| format!("{entry}\n")).collect()
    }
}

/// Free ports, no delay, the state in `state`.
pub(crate) fn options(state: &Path, webhook: SocketAddr) -> DpsOptions {
    let config = serde_json::json!({
        "idScope": SCOPE,
        "linkedHubs": [HUB, "contoso-heatpumps-hub-1098.azure-devices.net"],
        "enrollmentGroups": [{
            "enrollmentGroupId": "contoso-custom-allocated-devices",
            "attestation": {
                "type": "symmetricKey",
                "symmetricKey": {"primaryKey": group_key(), "secondaryKey": STANDARD.encode([b'S'; 64])},
            },
            "allocationPolicy": "custom",
            "customAllocationDefinition": {
                "webhookUrl": format!("http://{webhook}/api/HttpTrigger1?code=x"),
                "apiVersion": "2021-10-01",
            },
        }],
    });
    let path = state.join("dps.json");
    std::fs::write(&path, config.to_string()).unwrap();
    let config = Config::load(&path).unwrap();
    DpsOptions {
        mqtt_port: 0,
        https_port: 0,
        answer_delay: Duration::ZERO,
        ..DpsOptions::new(config, state.to_owned())
    }
}

/// A webhook that answers each call with the next of its answers, and the last of them for ever.
pub(crate) struct Webhook {
    pub(crate) address: SocketAddr,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    calls: Arc<Mutex<Vec<String>>>,
    /// A call is answered once it has one of these.
    gate: Arc<Semaphore>,
    server: AbortHandle,
}

impl Webhook {
    async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let assigned = format!(r#"{{"iotHubHostName":"{HUB}"}}"#);
        let answers = Arc::new(Mutex::new(VecDeque::from([(200, assigned)])));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let (told, seen, open) = (answers.clone(), calls.clone(), gate.clone());
        let server = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = socket.accept().await else { continue };
                tokio::spawn(Self::serve(stream, told.clone(), seen.clone(), open.clone()));
            }
        });
        Self { address, answers, calls, gate, server: server.abort_handle() }
    }

    async fn serve(
        stream: TcpStream,
        answers: Arc<Mutex<VecDeque<(u16, String)>>>,
        calls: Arc<Mutex<Vec<String>>>,
        gate: Arc<Semaphore>,
    ) {
        use http_body_util::BodyExt as _;
        use hyper::body::Incoming;
        use hyper::{Request, Response};
        let service = hyper::service::service_fn(|request: Request<Incoming>| {
            let (answers, calls, gate) = (answers.clone(), calls.clone(), gate.clone());
            async move {
                let body = request.into_body().collect().await?.to_bytes();
                calls.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
                gate.acquire().await.unwrap().forget();
                let (status, body) = {
                    let mut answers = answers.lock().unwrap();
                    let last = answers.len() == 1;
                    if last { answers[0].clone() } else { answers.pop_front().unwrap() }
                };
                let response = Response::builder().status(status).header("content-type", "application/json");
                Ok::<_, hyper::Error>(response.body(body).unwrap())
            }
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    }

    /// What the next calls are answered; the last one goes for all later ones.
    pub(crate) fn answers<const N: usize>(&self, answers: [(u16, &str); N]) {
        *self.answers.lock().unwrap() = answers.map(|(status, body)| (status, body.to_owned())).into();
    }

    /// Lets calls wait until [`Webhook::release`].
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(1_000_000);
    }

    /// The bodies of all calls so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.server.abort();
    }
}

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

    /// Reads exactly as many bytes as `wanted` has, which must be those.
    pub(crate) async fn expect(&mut self, wanted: &[u8]) {
        let got = self.read(wanted.len()).await;
        assert_eq!(got, wanted, "\n got {}\nwant {}", hex(&got), hex(wanted));
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

/// HMAC-SHA256 (RFC 2104), written out: the stand-in's own is not what checks it.
pub(crate) fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::digest([block.map(|byte| byte ^ 0x36).as_slice(), text].concat());
    Sha256::digest([block.map(|byte| byte ^ 0x5c).as_slice(), inner.as_slice()].concat()).into()
}

/// The key of a device of the group.
pub(crate) fn device_key(registration_id: &str) -> [u8; 32] {
    hmac(&[b'G'; 64], registration_id.as_bytes())
}

/// Seconds since 1970, an hour from now.
pub(crate) fn in_an_hour() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600
}

/// The signature over `sr` as it stands, percent-encoded with `%2B`, `%2F`, `%3D`.
pub(crate) fn signature(key: &[u8], sr: &str, expiry: u64) -> String {
    let signature = STANDARD.encode(hmac(key, format!("{sr}\n{expiry}").as_bytes()));
    signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// A token for a device of the group, in the form of the Python SDK.
pub(crate) fn token(registration_id: &str) -> String {
    let sr = format!("{SCOPE}%2Fregistrations%2F{registration_id}");
    let expiry = in_an_hour();
    let signature = signature(&device_key(registration_id), &sr, expiry);
    format!("SharedAccessSignature sr={sr}&sig={signature}&se={expiry}")
}
