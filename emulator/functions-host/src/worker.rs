//! The handler as calls see it: where it listens, whether it is ready, and orders to its keeper.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::console::Console;
use super::keeper::Keeper;
use super::launch::Launch;
use super::process::Process;

/// Ports for handlers: below the range that systems assign ports from (from 32768 on Linux, from 49152
/// elsewhere), so that no one else is assigned a port between its choice and the handler's start.
const PORTS: Range<u16> = 20_000..32_000;

/// The handler as calls see it.
#[derive(Debug)]
pub(super) struct Worker {
    address: SocketAddr,
    ready_timeout: Duration,
    state: watch::Receiver<State>,
    orders: mpsc::Sender<Order>,
    keeper: JoinHandle<()>,
}

/// Which run of the handler answers calls, counted from 1: so that a call which outlives its run does not
/// order the next one killed.
pub(super) type Run = u64;

/// What the handler is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It starts, or is started again.
    Starting,
    /// It takes calls.
    Ready(Run),
    /// It is given up, or stopped.
    Stopped,
}

/// What the keeper is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Kill the handler and start it again, unless this run is over.
    Restart(Run),
    /// Give the handler up: a call has waited for it without success.
    GiveUp,
    /// Kill the handler.
    Stop,
}

/// How long the handler is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From its start to its first answer.
    pub initialization: Duration,
    /// From one failure to the next, for the earlier one to be forgiven.
    pub strikes_forgiven_after: Duration,
}

impl Worker {
    /// Starts the handler on a free port, for a host that callers know as `host_name`, and keeps it running.
    ///
    /// # Errors
    ///
    /// The system's, where no port is free or the executable cannot be started.
    pub(super) fn start(
        launch: Launch,
        host_name: String,
        limits: Limits,
        console: Console,
    ) -> io::Result<Self> {
        let address = free_port()?;
        let first = Process::start(&mut launch.command(address.port(), &host_name), &console)?;
        let (state_sender, state) = watch::channel(State::Starting);
        let (orders, order_receiver) = mpsc::channel(16);
        // A starting handler may fail twice and be started a third time before calls give up.
        let ready_timeout = 4 * limits.initialization;
        let keeper = Keeper::new(launch, host_name, address, limits, console, state_sender, order_receiver);
        Ok(Self { address, ready_timeout, state, orders, keeper: tokio::spawn(keeper.keep(first)) })
    }

    /// Where the handler listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the handler to be ready for a call. `None` after four times the initialization timeout, or
    /// if the host has given up.
    pub(super) async fn ready(&self) -> Option<Run> {
        let mut state = self.state.clone();
        let ready = state.wait_for(|state| *state != State::Starting);
        match timeout(self.ready_timeout, ready).await {
            Ok(Ok(state)) => match *state {
                State::Ready(run) => Some(run),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the host has given the handler up.
    pub(super) fn is_stopped(&self) -> bool {
        *self.state.borrow() == State::Stopped
    }

    /// Resolves when the host has given the handler up.
    pub(super) async fn stopped(&self) {
        let _ = self.state.clone().wait_for(|state| *state == State::Stopped).await;
    }

    /// Kills the handler and starts it again, unless `run` is over anyway. No failure is counted.
    pub(super) async fn restart(&self, run: Run) {
        let _ = self.orders.send(Order::Restart(run)).await;
    }

    /// Gives the handler up, unless it has become ready after all.
    pub(super) async fn give_up(&self) {
        let _ = self.orders.send(Order::GiveUp).await;
        let _ = self.state.clone().wait_for(|state| *state != State::Starting).await;
    }

    /// Kills the handler, without waiting for its end.
    pub(super) fn abort(&self) {
        self.keeper.abort();
    }

    /// Kills the handler and waits until it is gone.
    pub(super) async fn stop(&self) {
        let _ = self.orders.send(Order::Stop).await;
        self.stopped().await;
    }
}

/// A port that nobody listens on, another one at each call. The listener that found it is closed again, as the
/// host closes it.
fn free_port() -> io::Result<SocketAddr> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    for _ in PORTS {
        // Emulators that are started at the same time begin at different ports.
        let nth = (process::id() as usize + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS.len();
        let Some(port) = PORTS.clone().nth(nth) else { break };
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_handler_has_a_port_of_its_own_that_is_given_to_nobody_else() {
        let (first, second) = (free_port().unwrap(), free_port().unwrap());
        assert_ne!(first, second);
        for address in [first, second] {
            assert!(PORTS.contains(&address.port()), "{address}");
        }
        // A port that is taken, by this test or by somebody else, is passed over.
        let next = PORTS.start + (second.port() + 1 - PORTS.start) % (PORTS.end - PORTS.start);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, next));
        assert_ne!(free_port().unwrap().port(), next);
    }
}
