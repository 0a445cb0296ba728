//! A TLS port: takes connections, does the handshake, and hands each connection to the protocol of the port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use crate::device_api::first_bytes::{TLS_HANDSHAKE, protocol};
use crate::device_api::tls::{Tls, disconnected};
use journal::Journal;

/// How long to wait after a connection could not be taken, as when the process has no file handle left.
const PAUSE: Duration = Duration::from_millis(100);

/// How many bytes are read at a time.
const READ: usize = 2048;

/// A protocol that is spoken over TLS.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// What the log calls it.
    const NAME: &'static str;

    /// What it is without TLS, as [`protocol`] names it.
    const WITHOUT_TLS: &'static str;

    /// Serves one connection to its end.
    fn serve(&self, connection: Connection) -> impl Future<Output = ()> + Send;
}

/// A device's connection after the handshake, with the first bytes in its buffer.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The encrypted stream.
    pub(crate) stream: BufReader<TlsStream<TcpStream>>,
    /// The device's address.
    pub(crate) peer: SocketAddr,
}

/// How connections to a port are taken.
#[derive(Clone)]
pub(crate) struct Listener {
    /// The server's side of TLS.
    pub(crate) tls: Tls,
    /// One permit for each connection that may be open, shared among all ports.
    pub(crate) permits: Arc<Semaphore>,
    /// How long a handshake may take, and then the first bytes.
    pub(crate) timeout: Duration,
    /// Where it logs.
    pub(crate) journal: Journal,
}

// === impl Listener ===

impl Listener {
    /// Serves connections to `socket` until it is aborted, which ends its connections too.
    pub(crate) async fn run<P: Protocol>(self, socket: TcpListener, protocol: Arc<P>) {
        let mut connections = JoinSet::new();
        let mut reported = false;
        loop {
            let accepted = tokio::select! {
                Some(ended) = connections.join_next() => {
                    if let Err(panic) = ended {
                        self.journal.warn(format!("{}: a connection ended in a panic: {panic}", P::NAME));
                    }
                    continue;
                }
                accepted = socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.journal.warn(format!("{}: cannot take a connection: {error}", P::NAME));
                    sleep(PAUSE).await;
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
                listener.serve(stream, peer, &*protocol).await;
                drop(permit);
            });
        }
    }

    async fn serve<P: Protocol>(&self, stream: TcpStream, peer: SocketAddr, protocol: &P) {
        match self.open::<P>(stream).await {
            Ok(Some(stream)) => protocol.serve(Connection { stream, peer }).await,
            Ok(None) => {}
            Err(why) => self.journal.warn(format!("{} {peer}: {why}", P::NAME)),
        }
    }

    /// Does the handshake and reads the first bytes. `None` if the client closes the connection before it has sent
    /// anything; the error says why the connection is not served.
    async fn open<P: Protocol>(
        &self,
        stream: TcpStream,
    ) -> Result<Option<BufReader<TlsStream<TcpStream>>>, String> {
        let seconds = self.timeout.as_secs_f32();
        let handshake = async {
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let mut first = [0; 8];
            let count = match stream.peek(&mut first).await {
                Ok(0) => return Ok(None),
                Err(error) if disconnected(&error) => return Ok(None),
                Ok(count) => count,
                Err(error) => return Err(error.to_string()),
            };
            if first[0] != TLS_HANDSHAKE {
                let spoken = protocol(&first[..count]).unwrap_or("an unknown protocol");
                return Err(format!("TLS: expected a TLS handshake, found {spoken} without TLS"));
            }
            let accepted = self.tls.acceptor.accept(stream).await;
            accepted
                .map(Some)
                .map_err(|error| format!("TLS: {}", self.tls.explain(&error, "during the TLS handshake")))
        };
        let Some(stream) = timeout(self.timeout, handshake)
            .await
            .map_err(|_| format!("TLS: no handshake within {seconds} s"))??
        else {
            return Ok(None);
        };

        let mut stream = BufReader::with_capacity(READ, stream);
        let right_after = "right after the TLS handshake";
        let first = timeout(self.timeout, stream.fill_buf())
            .await
            .map_err(|_| format!("nothing was sent within {seconds} s; connection closed"))?
            .map_err(|error| format!("TLS: {}", self.tls.explain(&error, right_after)))?;
        if first.is_empty() {
            return Err(format!("TLS: {}", self.tls.hung_up(right_after)));
        }
        match protocol(first) {
            Some("AMQP") => Err("AMQP is not supported yet; use MQTT or HTTPS. Connection closed".to_owned()),
            Some(other) if other != P::WITHOUT_TLS => {
                Err(format!("expected {} at this port, found {other}; connection closed", P::WITHOUT_TLS))
            }
            _ => Ok(Some(stream)),
        }
    }
}
