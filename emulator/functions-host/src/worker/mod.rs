//! The handler's process as calls see it: where it listens, whether it is ready, and orders to its supervisor.

pub(crate) mod client;
mod output;
mod process;
mod supervision;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::app::{App, Mode};
use crate::worker::client::HandlerClient;
pub(crate) use crate::worker::supervision::Run;
use crate::worker::supervision::{Order, State, Supervisor};

/// Ports for handlers: below the range that systems assign ports from (from 32768 on Linux, from 49152
/// elsewhere), so that no one else is assigned a port between its choice and the handler's start.
const PORTS: Range<u16> = 20_000..32_000;

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) app: Arc<App>,
    pub(crate) client: HandlerClient,
    state: watch::Receiver<State>,
    orders: mpsc::Sender<Order>,
    supervisor: JoinHandle<()>,
}

impl Worker {
    /// Starts the handler of `app`, and keeps it running. It fails if its port is taken or it cannot be started.
    pub(crate) fn start(app: Arc<App>) -> io::Result<Self> {
        let client = HandlerClient::new(choose_port(app.handler.port)?, app.mode != Mode::Envelope);
        let (supervisor, orders, state) = Supervisor::start(Arc::clone(&app), client.clone())?;
        Ok(Self { app, client, state, orders, supervisor: tokio::spawn(supervisor.run()) })
    }

    /// Waits for the handler to be ready for a call. `None` after four times the initialization timeout, or if the
    /// host has given up.
    pub(crate) async fn ready(&self) -> Option<Run> {
        // A starting handler may fail twice and be started a third time before calls give up.
        let limit = 4 * self.app.initialization_timeout;
        let mut state = self.state.clone();
        let settled = timeout(limit, state.wait_for(|state| *state != State::Starting)).await;
        match *settled.ok()?.ok()? {
            State::Ready(run) => Some(run),
            State::Starting | State::Stopped => None,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.state.borrow() == State::Stopped
    }

    pub(crate) async fn stopped(&self) {
        let _ = self.state.clone().wait_for(|state| *state == State::Stopped).await;
    }

    /// Kills the handler and starts it again, unless `run` is over anyway. No failure is counted.
    pub(crate) async fn restart(&self, run: Run) {
        let _ = self.orders.send(Order::Restart(run)).await;
    }

    /// Gives the handler up, unless it has become ready after all.
    pub(crate) async fn give_up(&self) {
        let _ = self.orders.send(Order::GiveUp).await;
        let _ = self.state.clone().wait_for(|state| *state != State::Starting).await;
    }

    pub(crate) fn abort(&self) {
        self.supervisor.abort();
    }

    pub(crate) async fn stop(&self) {
        let _ = self.orders.send(Order::Stop).await;
        self.stopped().await;
    }
}

/// `pinned`, or a free port, another one at each call. The listener that tries it is closed again, as by the host.
fn choose_port(pinned: Option<u16>) -> io::Result<SocketAddr> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.local_addr();
    if let Some(port) = pinned {
        return bind(port)
            .map_err(|error| io::Error::new(error.kind(), format!("customHandler.port {port}: {error}")));
    }
    // Emulators that are started at the same time begin at different ports.
    let first = std::process::id() as usize + NEXT.fetch_add(1, Ordering::Relaxed);
    let mut bound = PORTS.cycle().skip(first % PORTS.len()).take(PORTS.len()).map(bind);
    bound
        .find(|bound| !matches!(bound, Err(error) if error.kind() == io::ErrorKind::AddrInUse))
        .unwrap_or_else(|| bind(0))
}
