//! A TLS port: takes connections, does the handshake, and hands each connection to the protocol of the port.

use std::io::ErrorKind::UnexpectedEof;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, copy_buf, sink,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::device_api::tls::{Stream, disconnected};
use crate::device_api::{DeviceApi, https, mqtt};

/// A protocol that is spoken over TLS.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    Mqtt,
    Https,
}

/// Serves connections to `socket` until it is aborted, which ends its connections too.
pub(crate) async fn run(api: Arc<DeviceApi>, socket: TcpListener, protocol: Protocol) {
    let (name, without_tls) = match protocol {
        Protocol::Mqtt => ("MQTT", "MQTT"),
        Protocol::Https => ("HTTPS", "HTTP"),
    };
    let mut connections = JoinSet::new();
    let mut reported = false;
    loop {
        let accepted = socket.accept().await;
        while let Some(ended) = connections.try_join_next() {
            if let Err(panic) = ended {
                api.journal.warn(format!("{name}: a connection ended in a panic: {panic}"));
            }
        }
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                api.journal.warn(format!("{name}: cannot take a connection: {error}"));
                // There may be no file handle left.
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if api.permits.available_permits() == 0 && !reported {
            reported = true;
            api.journal.warn(format!("{name} {peer}: all connections are in use; further ones wait"));
        }
        let Ok(permit) = api.permits.clone().acquire_owned().await else { return };
        let api = api.clone();
        connections.spawn(async move {
            match (open(&api, stream, without_tls).await, protocol) {
                (Ok(Some(stream)), Protocol::Mqtt) => mqtt::serve(&api, stream, peer).await,
                (Ok(Some(stream)), Protocol::Https) => https::serve(&api, stream, peer).await,
                (Ok(None), _) => {}
                (Err(why), _) => api.journal.warn(format!("{name} {peer}: {why}")),
            }
            drop(permit);
        });
    }
}

/// Does the handshake and reads the first bytes. `None` if the client closes the connection before it has sent
/// anything; the error says why the connection is not served. `expected` is what is to be spoken over TLS.
async fn open(api: &DeviceApi, stream: TcpStream, expected: &str) -> Result<Option<Stream>, String> {
    let seconds = api.timeout.as_secs_f32();
    let explain = |error, when| format!("TLS: {}", api.tls.explain(&error, when));
    let handshake = async {
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut first = [0; 8];
        let count = match stream.peek(&mut first).await {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if disconnected(&error) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        if first[0] != TLS_HANDSHAKE {
            let spoken = spoken(&first[..count]).unwrap_or("an unknown protocol");
            let why = format!("TLS: expected a TLS handshake, found {spoken} without TLS");
            return Err(refuse(BufReader::new(stream), spoken, why).await);
        }
        let accepted = api.tls.acceptor.accept(stream).await;
        accepted.map(Some).map_err(|error| explain(error, "during the TLS handshake"))
    };
    let no_handshake = |_| format!("TLS: no handshake within {seconds} s");
    let Some(stream) = timeout(api.timeout, handshake).await.map_err(no_handshake)?? else {
        return Ok(None);
    };

    let mut stream = BufReader::new(stream);
    let first = timeout(api.timeout, stream.fill_buf())
        .await
        .map_err(|_| format!("nothing was sent within {seconds} s; connection closed"))?
        .and_then(|first| if first.is_empty() { Err(UnexpectedEof.into()) } else { Ok(first) })
        .map_err(|error| explain(error, "right after the TLS handshake"))?;
    match spoken(first) {
        Some(other) if other != expected => {
            let why = match other {
                "AMQP" => "AMQP is not supported yet; use MQTT or HTTPS. Connection closed".to_owned(),
                _ => format!("expected {expected} at this port, found {other}; connection closed"),
            };
            Err(refuse(stream, other, why).await)
        }
        _ => Ok(Some(stream)),
    }
}

/// Closes a connection on which the wrong protocol is `spoken`, for the reason `why`, which an HTTP client is sent.
async fn refuse(mut stream: impl AsyncBufRead + AsyncWrite + Unpin, spoken: &str, why: String) -> String {
    let length = why.len();
    let head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length:";
    let closed = async {
        if spoken == "HTTP" {
            stream.write_all(format!("{head} {length}\r\n\r\n{why}").as_bytes()).await?;
        }
        stream.shutdown().await?;
        // A connection that is closed with something unread is reset, which may overtake the answer.
        copy_buf(&mut stream, &mut sink()).await
    };
    let _ = timeout(Duration::from_millis(300), closed).await;
    why
}

/// The first byte of a TLS record with a handshake in it: <https://www.rfc-editor.org/rfc/rfc8446#section-5.1>.
const TLS_HANDSHAKE: u8 = 0x16;

/// The protocol that begins with `bytes`; `None` if they are not enough, or of none that is known.
fn spoken(bytes: &[u8]) -> Option<&'static str> {
    const METHODS: [&[u8]; 6] = [b"GET ", b"PUT ", b"POST ", b"HEAD ", b"DELETE ", b"OPTIONS "];
    match bytes {
        [TLS_HANDSHAKE, 3, ..] => Some("TLS"),
        // <https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-transport-v1.0-os.html#section-version-negotiation>
        [b'A', b'M', b'Q', b'P', ..] => Some("AMQP"),
        [b'P', b'R', b'I', b' ', ..] => Some("HTTP/2"),
        // CONNECT, one or two bytes of length, and the protocol's name with its length.
        [0x10, _, 0, 4 | 6, b'M', b'Q', ..] | [0x10, _, _, 0, 4 | 6, b'M', b'Q', ..] => Some("MQTT"),
        _ => METHODS.iter().any(|method| bytes.starts_with(method)).then_some("HTTP"),
    }
}
