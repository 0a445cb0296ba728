//! A TLS port: takes connections, shakes hands, and gives each connection to a protocol.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::device_api::seats::{Proof, Seat, Seats};
use crate::device_api::tls;
use journal::Journal;

/// How long connections have to end once asked to; then they are aborted.
const GRACE: Duration = Duration::from_millis(500);

/// How long to wait after a connection could not be taken, as when the process has no file handle left.
const RESPITE: Duration = Duration::from_millis(100);

/// A protocol that is spoken over TLS.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// What the log calls it.
    const NAME: &'static str;

    /// Serves one connection to its end, which is to come soon after `stop`.
    fn serve(&self, connection: Connection, stop: Stop) -> impl Future<Output = ()> + Send;
}

/// How connections to a port are handled.
#[derive(Clone)]
pub(crate) struct Listener {
    /// The server's side of the handshake.
    pub(crate) acceptor: TlsAcceptor,
    /// The CA certificate that devices are to trust, for the log.
    pub(crate) ca: PathBuf,
    /// One seat for each connection that may be open, shared among all ports.
    pub(crate) seats: Seats,
    /// How long a handshake may take.
    pub(crate) timeout: Duration,
    /// Where journal are logged.
    pub(crate) journal: Journal,
}

/// A device's connection after the handshake.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The encrypted stream.
    pub(crate) stream: TlsStream<TcpStream>,
    /// The device's address.
    pub(crate) peer: SocketAddr,
    /// To be given once the device has shown a valid credential.
    pub(crate) proof: Proof,
}

/// A request to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<()>);

// === impl Stop ===

impl Stop {
    /// A sender, and the stop that is requested when it is dropped.
    pub(crate) fn new() -> (watch::Sender<()>, Self) {
        let (sender, receiver) = watch::channel(());
        (sender, Self(receiver))
    }

    /// Returns when the stop is requested.
    pub(crate) async fn requested(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

// === impl Listener ===

impl Listener {
    /// Serves connections to `socket` until `stop`, and ends half a second after it at the latest.
    pub(crate) async fn run<P: Protocol>(self, socket: TcpListener, protocol: P, mut stop: Stop) {
        let listener = Arc::new(self);
        let protocol = Arc::new(protocol);
        let mut connections = JoinSet::new();
        let mut full = false;
        loop {
            let accepted = tokio::select! {
                () = stop.requested() => break,
                Some(ended) = connections.join_next(), if !connections.is_empty() => {
                    listener.ended::<P>(ended);
                    continue;
                }
                accepted = socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    listener.journal.warn(format!("{}: cannot take a connection: {error}", P::NAME));
                    sleep(RESPITE).await;
                    continue;
                }
            };
            let full_before = std::mem::replace(&mut full, listener.seats.free() == 0);
            if full && !full_before {
                listener.journal.warn(format!(
                    "{} {peer}: all connections are in use; this one and the next wait",
                    P::NAME
                ));
            }
            let seat = tokio::select! {
                () = stop.requested() => break,
                seat = listener.seats.take() => seat,
            };
            let (listener, protocol, stop) = (listener.clone(), protocol.clone(), stop.clone());
            connections.spawn(async move { listener.serve(stream, peer, seat, &*protocol, stop).await });
        }
        // Connections that still wait to be accepted are refused from here on.
        drop(socket);
        let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
        connections.shutdown().await;
    }

    /// One connection, from the handshake to its end or to the loss of its seat.
    async fn serve<P: Protocol>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        mut seat: Seat,
        protocol: &P,
        stop: Stop,
    ) {
        let proof = seat.proof.clone();
        let served = async {
            if let Some(stream) = self.shake::<P>(stream, peer, stop.clone()).await {
                protocol.serve(Connection { stream, peer, proof }, stop).await;
            }
        };
        tokio::select! {
            () = seat.dismissed() => {
                self.journal.warn(format!("{} {peer}: closed: no credential so far, and others are waiting", P::NAME));
            }
            () = served => {}
        }
    }

    /// The handshake. `None` if it fails or takes too long, which is logged.
    async fn shake<P: Protocol>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        mut stop: Stop,
    ) -> Option<TlsStream<TcpStream>> {
        // Fails only on a connection that is gone already.
        stream.set_nodelay(true).ok()?;
        let refuse = |why: String| {
            self.journal.warn(format!("{} {peer}: TLS: {why}", P::NAME));
            None
        };
        let handshake = tokio::select! {
            () = stop.requested() => return None,
            handshake = timeout(self.timeout, self.acceptor.accept(stream)) => handshake,
        };
        match handshake {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => refuse(tls::explain(&error, &self.ca)),
            Err(_) => refuse(format!("no handshake within {} s", self.timeout.as_secs_f32())),
        }
    }

    /// A connection's task has ended: if by a panic, the log says so, and the others go on.
    fn ended<P: Protocol>(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(panic) = ended {
            self.journal.warn(format!("{}: a connection ended in a panic: {panic}", P::NAME));
        }
    }
}
