//! A TLS port: takes connections, does the handshake, and hands each connection to the protocol of the port.

use std::io::ErrorKind::UnexpectedEof;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use crate::device_api::tls::{Tls, disconnected};
use journal::Journal;

/// A protocol that is spoken over TLS.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// What the log calls it.
    const NAME: &'static str;

    /// What it is without TLS, as [`spoken`] names it.
    const WITHOUT_TLS: &'static str;

    /// Serves one connection to its end.
    fn serve(&self, stream: Stream, peer: SocketAddr) -> impl Future<Output = ()> + Send;
}

/// A device's connection after the handshake, with the first bytes in its buffer.
pub(crate) type Stream = BufReader<TlsStream<TcpStream>>;

/// How connections to a port are taken.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) tls: Tls,
    /// One permit for each connection that may be open, shared among all ports.
    pub(crate) permits: Arc<Semaphore>,
    /// How long a handshake may take, and then the first bytes.
    pub(crate) timeout: Duration,
    pub(crate) journal: Journal,
}

impl Listener {
    /// Serves connections to `socket` until it is aborted, which ends its connections too.
    pub(crate) async fn run<P: Protocol>(self, socket: TcpListener, protocol: Arc<P>) {
        let mut connections = JoinSet::new();
        let mut reported = false;
        loop {
            let accepted = socket.accept().await;
            while let Some(ended) = connections.try_join_next() {
                if let Err(panic) = ended {
                    self.journal.warn(format!("{}: a connection ended in a panic: {panic}", P::NAME));
                }
            }
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.journal.warn(format!("{}: cannot take a connection: {error}", P::NAME));
                    // There may be no file handle left.
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            if self.permits.available_permits() == 0 && !reported {
                reported = true;
                self.journal
                    .warn(format!("{} {peer}: all connections are in use; further ones wait", P::NAME));
            }
            let Ok(permit) = self.permits.clone().acquire_owned().await else { return };
            let (listener, protocol) = (self.clone(), protocol.clone());
            connections.spawn(async move {
                match listener.open::<P>(stream).await {
                    Ok(Some(stream)) => protocol.serve(stream, peer).await,
                    Ok(None) => {}
                    Err(why) => listener.journal.warn(format!("{} {peer}: {why}", P::NAME)),
                }
                drop(permit);
            });
        }
    }

    /// Does the handshake and reads the first bytes. `None` if the client closes the connection before it has sent
    /// anything; the error says why the connection is not served.
    async fn open<P: Protocol>(&self, stream: TcpStream) -> Result<Option<Stream>, String> {
        let seconds = self.timeout.as_secs_f32();
        let explain = |error, when| format!("TLS: {}", self.tls.explain(&error, when));
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
                return Err(format!("TLS: expected a TLS handshake, found {spoken} without TLS"));
            }
            let accepted = self.tls.acceptor.accept(stream).await;
            accepted.map(Some).map_err(|error| explain(error, "during the TLS handshake"))
        };
        let no_handshake = |_| format!("TLS: no handshake within {seconds} s");
        let Some(stream) = timeout(self.timeout, handshake).await.map_err(no_handshake)?? else {
            return Ok(None);
        };

        let mut stream = BufReader::new(stream);
        let first = timeout(self.timeout, stream.fill_buf())
            .await
            .map_err(|_| format!("nothing was sent within {seconds} s; connection closed"))?
            .and_then(|first| if first.is_empty() { Err(UnexpectedEof.into()) } else { Ok(first) })
            .map_err(|error| explain(error, "right after the TLS handshake"))?;
        match spoken(first) {
            Some("AMQP") => Err("AMQP is not supported yet; use MQTT or HTTPS. Connection closed".to_owned()),
            Some(other) if other != P::WITHOUT_TLS => {
                Err(format!("expected {} at this port, found {other}; connection closed", P::WITHOUT_TLS))
            }
            _ => Ok(Some(stream)),
        }
    }
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
