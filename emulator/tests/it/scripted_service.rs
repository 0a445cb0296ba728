//! A service that answers what a test tells it to, whatever it is asked, and remembers what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use mqttbytes::QoS;
use mqttbytes::v4::{ConnAck, ConnectReturnCode, Packet, PubAck, Publish, SubAck, SubscribeReasonCode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// One answer of a script.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    /// Status, `retry-after` and body.
    Answer(u16, Option<&'static str>, &'static str),
    /// The same, sent twice (MQTT).
    Twice(u16, &'static str),
    /// No answer.
    Silence,
}

/// Which protocol a script is played over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// MQTT, with this answer to CONNECT.
    Mqtt(ConnectReturnCode),
    Https,
}

/// A service with a script, until it is dropped.
pub(crate) struct ScriptedService {
    pub(crate) address: SocketAddr,
    folder: TempDir,
    script: Arc<Script>,
    _runtime: Runtime,
}

#[derive(Debug)]
struct Script {
    lines: Mutex<VecDeque<Line>>,
    seen: Mutex<Vec<String>>,
}

impl ScriptedService {
    /// Starts it on a free port.
    pub(crate) fn start(stage: Stage, lines: impl Into<VecDeque<Line>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (acceptor, ca) = tls();
        fs::write(folder.path().join("ca.pem"), ca).unwrap();
        let script = Arc::new(Script { lines: Mutex::new(lines.into()), seen: Mutex::default() });
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, acceptor, stage, Arc::clone(&script)));
        Self { address, folder, script, _runtime: runtime }
    }

    /// The certificate authority to trust.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What was asked so far, one line each.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.script.seen.lock().unwrap().clone()
    }
}

impl Script {
    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what);
    }

    fn next(&self) -> Line {
        self.lines.lock().unwrap().pop_front().unwrap_or(Line::Silence)
    }
}

fn tls() -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), ca.pem())
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, stage: Stage, script: Arc<Script>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
        tokio::spawn(async move {
            // A device that does not trust the certificate disconnects here.
            let Ok(stream) = acceptor.accept(socket).await else { return };
            match stage {
                Stage::Mqtt(code) => mqtt(stream, code, &script).await,
                Stage::Https => https(stream, script).await,
            }
        });
    }
}

async fn mqtt(mut stream: TlsStream<TcpStream>, code: ConnectReturnCode, script: &Script) {
    let mut incoming = BytesMut::new();
    loop {
        let packet = match mqttbytes::v4::read(&mut incoming, 1 << 20) {
            Ok(packet) => packet,
            Err(mqttbytes::Error::InsufficientBytes(_)) => {
                if stream.read_buf(&mut incoming).await.unwrap_or(0) == 0 {
                    return;
                }
                continue;
            }
            Err(error) => panic!("not MQTT: {error}"),
        };
        let mut outgoing = BytesMut::new();
        match packet {
            Packet::Connect(connect) => {
                let login = connect.login.unwrap();
                script.note(format!("CONNECT {} {}", connect.client_id, login.username));
                script.note(login.password);
                ConnAck::new(code, false).write(&mut outgoing).unwrap();
            }
            Packet::Subscribe(subscribe) => {
                script.note(format!("SUBSCRIBE {}", subscribe.filters[0].path));
                let granted = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)];
                SubAck::new(subscribe.pkid, granted).write(&mut outgoing).unwrap();
            }
            Packet::Publish(publish) => {
                let body = String::from_utf8_lossy(&publish.payload);
                script.note(format!("PUBLISH {} {body}", publish.topic));
                PubAck::new(publish.pkid).write(&mut outgoing).unwrap();
                let rid = publish.topic.split_once("$rid=").unwrap().1.split('&').next().unwrap();
                let (times, status, retry_after, body) = match script.next() {
                    Line::Answer(status, retry_after, body) => (1, status, retry_after, body),
                    Line::Twice(status, body) => (2, status, None, body),
                    Line::Silence => (0, 0, None, ""),
                };
                let after = retry_after.map(|seconds| format!("&retry-after={seconds}")).unwrap_or_default();
                let topic = format!("$dps/registrations/res/{status}/?$rid={rid}{after}");
                for id in 1..=times {
                    let mut answer = Publish::new(topic.clone(), QoS::AtLeastOnce, body);
                    answer.pkid = id;
                    answer.write(&mut outgoing).unwrap();
                }
            }
            Packet::Disconnect => return,
            _ => {}
        }
        stream.write_all(&outgoing).await.unwrap();
    }
}

async fn https(stream: TlsStream<TcpStream>, script: Arc<Script>) {
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let script = Arc::clone(&script);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            script.note(format!("{} {} {}", head.method, head.uri, String::from_utf8_lossy(&body)));
            script.note(head.headers["authorization"].to_str().unwrap().to_owned());
            let Line::Answer(status, retry_after, body) = script.next() else { std::future::pending().await };
            let mut answer = hyper::Response::builder().status(status);
            if let Some(seconds) = retry_after {
                answer = answer.header("retry-after", seconds);
            }
            Ok::<_, Infallible>(answer.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap())
        }
    });
    let stream = hyper_util::rt::TokioIo::new(stream);
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, answer).await;
}
