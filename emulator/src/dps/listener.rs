//! A TLS port: takes connections, shakes hands, and gives each connection to a protocol.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::refusals::Refusals;
use super::tls::{self, Connection};

/// How long connections have to end once asked to; then they are cut.
const GRACE: Duration = Duration::from_millis(500);

/// How long to wait after a connection could not be taken, as when the process has no file handle left.
const RESPITE: Duration = Duration::from_millis(50);

/// A protocol that is spoken over TLS.
pub(super) trait Protocol: Send + Sync + 'static {
    /// What the log calls it.
    const NAME: &'static str;

    /// Serves one connection to its end, which is to come soon after `stop`.
    fn serve(&self, connection: Connection, stop: Stop) -> impl Future<Output = ()> + Send;
}

/// What is done with those who connect to a port.
#[derive(Clone)]
pub(super) struct Listener {
    /// The server's side of the handshake.
    pub(super) acceptor: TlsAcceptor,
    /// The CA certificate that devices are to trust, for the log.
    pub(super) ca: PathBuf,
    /// One seat for each connection that may be open, shared among all ports.
    pub(super) seats: Arc<Semaphore>,
    /// How long a handshake may take.
    pub(super) patience: Duration,
    /// Where refusals are said.
    pub(super) refusals: Refusals,
}

/// Asks to end what is being done.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<()>);

// === impl Stop ===

impl Stop {
    /// A sender, and the stop that is asked for when it is dropped.
    pub(super) fn new() -> (watch::Sender<()>, Self) {
        let (sender, receiver) = watch::channel(());
        (sender, Self(receiver))
    }

    /// Comes back when the stop is asked for.
    pub(super) async fn requested(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

// === impl Listener ===

impl Listener {
    /// Serves those who connect to `socket` until `stop`, and ends half a second after it at the latest.
    pub(super) async fn run<P: Protocol>(self, socket: TcpListener, protocol: P, mut stop: Stop) {
        let listener = Arc::new(self);
        let protocol = Arc::new(protocol);
        let mut connections = JoinSet::new();
        loop {
            let stream = tokio::select! {
                () = stop.requested() => break,
                Some(ended) = connections.join_next(), if !connections.is_empty() => {
                    listener.ended::<P>(ended);
                    continue;
                }
                stream = listener.accept::<P>(&socket) => stream,
            };
            let seat = tokio::select! {
                () = stop.requested() => break,
                seat = listener.seat::<P>() => seat,
            };
            let (listener, protocol, stop) = (listener.clone(), protocol.clone(), stop.clone());
            connections.spawn(async move {
                if let Some(connection) = listener.shake::<P>(stream, stop.clone()).await {
                    protocol.serve(connection, stop).await;
                }
                drop(seat);
            });
        }
        // Whoever still waits to be taken is refused from here on.
        drop(socket);
        let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
        connections.shutdown().await;
    }

    /// The next connection. Never fails: what cannot be taken now is waited for.
    async fn accept<P: Protocol>(&self, socket: &TcpListener) -> TcpStream {
        loop {
            match socket.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    self.refusals.say(format!("{}: cannot take a connection: {error}", P::NAME));
                    sleep(RESPITE).await;
                }
            }
        }
    }

    /// A seat for the connection that was taken last; the others wait meanwhile.
    async fn seat<P: Protocol>(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(seat) = self.seats.clone().try_acquire_owned() {
            return Some(seat);
        }
        self.refusals.say(format!("{}: all seats are taken: the next connection waits for one", P::NAME));
        // The semaphore is never closed, so there is a seat in the end.
        self.seats.clone().acquire_owned().await.ok()
    }

    /// The handshake. `None` if it fails or takes too long, which is said.
    async fn shake<P: Protocol>(&self, stream: TcpStream, mut stop: Stop) -> Option<Connection> {
        // Both fail only on a connection that is gone already.
        let peer = stream.peer_addr().ok()?;
        stream.set_nodelay(true).ok()?;
        let refuse = |why: String| {
            self.refusals.say(format!("{} {peer}: TLS: {why}", P::NAME));
            None
        };
        let handshake = tokio::select! {
            () = stop.requested() => return None,
            handshake = timeout(self.patience, self.acceptor.accept(stream)) => handshake,
        };
        match handshake {
            Ok(Ok(stream)) => Some(Connection { stream, peer }),
            Ok(Err(error)) => refuse(tls::explain(&error, &self.ca)),
            Err(_) => refuse(format!("no handshake within {} s", self.patience.as_secs_f32())),
        }
    }

    /// A connection's task has ended: if by a defect, the log says so, and the others go on.
    fn ended<P: Protocol>(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(defect) = ended {
            self.refusals.say(format!("{}: a connection was cut by a defect: {defect}", P::NAME));
        }
    }
}
