//! A service that answers what a test tells it to, whatever it is asked, and remembers what it was asked. It shares
//! no MQTT code with the device, so that a mistake of the device's library is not repeated here.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::iter::repeat_with;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::v3_1_1::{Connack, Publish, Suback};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait as _, Packet, Qos};
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, SubackReturnCode};
use mqtt_protocol_core::mqtt::{Connection, Version, role};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// One reply of a script.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, `retry-after` and body.
    Answer(u16, Option<&'static str>, &'static str),
    /// The same, sent twice (MQTT).
    Twice(u16, &'static str),
    /// No answer.
    Silence,
}

/// The protocol that a service speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
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
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<String>>,
}

impl ScriptedService {
    /// Starts it on a free port.
    pub(crate) fn start(protocol: Protocol, replies: impl Into<VecDeque<Reply>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (acceptor, ca) = tls();
        fs::write(folder.path().join("ca.pem"), ca).unwrap();
        let script = Arc::new(Script { replies: Mutex::new(replies.into()), seen: Mutex::default() });
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, acceptor, protocol, Arc::clone(&script)));
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

    fn next(&self) -> Reply {
        self.replies.lock().unwrap().pop_front().unwrap_or(Reply::Silence)
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

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, protocol: Protocol, script: Arc<Script>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
        tokio::spawn(async move {
            // A device that does not trust the certificate disconnects here.
            let Ok(stream) = acceptor.accept(socket).await else { return };
            match protocol {
                Protocol::Mqtt(code) => mqtt(stream, code, &script).await,
                Protocol::Https => https(stream, script).await,
            }
        });
    }
}

async fn mqtt(mut stream: TlsStream<TcpStream>, code: ConnectReturnCode, script: &Script) {
    let mut connection = Connection::<role::Server>::new(Version::V3_1_1);
    connection.set_auto_pub_response(true);
    let mut incoming = [0; 4096];
    loop {
        let length = stream.read(&mut incoming).await.unwrap_or(0);
        if length == 0 {
            return;
        }
        let mut unread = Cursor::new(&incoming[..length]);
        while unread.position() < length as u64 {
            let mut events = VecDeque::from(connection.recv(&mut unread));
            while let Some(event) = events.pop_front() {
                match event {
                    Event::NotifyPacketReceived(Packet::V3_1_1Disconnect(_)) => return,
                    Event::NotifyPacketReceived(packet) => {
                        for reply in replies(&packet, &mut connection, code, script) {
                            events.extend(connection.send(reply));
                        }
                    }
                    Event::RequestSendPacket { packet, .. } => {
                        stream.write_all(&packet.to_continuous_buffer()).await.unwrap();
                    }
                    Event::NotifyError(error) => panic!("not MQTT: {error}"),
                    _ => {}
                }
            }
        }
    }
}

/// What is sent for `packet`, besides what MQTT itself demands.
fn replies(
    packet: &Packet,
    connection: &mut Connection<role::Server>,
    code: ConnectReturnCode,
    script: &Script,
) -> Vec<Packet> {
    match packet {
        Packet::V3_1_1Connect(connect) => {
            let (id, user) = (connect.client_id(), connect.user_name().unwrap());
            script.note(format!("CONNECT {id} {user}"));
            script.note(String::from_utf8(connect.password().unwrap().to_vec()).unwrap());
            vec![Connack::builder().session_present(false).return_code(code).build().unwrap().into()]
        }
        Packet::V3_1_1Subscribe(subscribe) => {
            script.note(format!("SUBSCRIBE {}", subscribe.entries()[0].topic_filter()));
            let granted = vec![SubackReturnCode::SuccessMaximumQos1];
            vec![
                Suback::builder()
                    .packet_id(subscribe.packet_id())
                    .return_codes(granted)
                    .build()
                    .unwrap()
                    .into(),
            ]
        }
        Packet::V3_1_1Publish(publish) => {
            let (topic, body) = (publish.topic_name(), String::from_utf8_lossy(publish.payload().as_slice()));
            script.note(format!("PUBLISH {topic} {body}"));
            let rid = topic.split_once("$rid=").unwrap().1.split('&').next().unwrap();
            let (times, status, retry_after, body) = match script.next() {
                Reply::Answer(status, retry_after, body) => (1, status, retry_after, body),
                Reply::Twice(status, body) => (2, status, None, body),
                Reply::Silence => (0, 0, None, ""),
            };
            let after = retry_after.map(|seconds| format!("&retry-after={seconds}")).unwrap_or_default();
            let answer = || {
                let topic = format!("$dps/registrations/res/{status}/?$rid={rid}{after}");
                let answer = Publish::builder().topic_name(topic).unwrap().qos(Qos::AtLeastOnce);
                answer
                    .packet_id(connection.acquire_packet_id().unwrap())
                    .payload(body)
                    .build()
                    .unwrap()
                    .into()
            };
            repeat_with(answer).take(times).collect()
        }
        _ => Vec::new(),
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
            let Reply::Answer(status, retry_after, body) = script.next() else {
                std::future::pending().await
            };
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
