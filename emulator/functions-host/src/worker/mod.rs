//! The handler's process as calls see it: where it listens, whether it is ready, and orders to its supervisor.

pub(crate) mod client;
mod output;
mod port;
mod process;
mod supervision;
mod watchdog;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::app::{App, Mode};
use crate::worker::client::HandlerClient;
use crate::worker::supervision::{Order, State, Supervisor};

pub(crate) use crate::worker::supervision::Run;

/// The handler as calls see it.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) client: HandlerClient,
    ready_timeout: Duration,
    state: watch::Receiver<State>,
    orders: mpsc::Sender<Order>,
    supervisor: JoinHandle<()>,
}

impl Worker {
    /// Starts the handler of `app`, and keeps it running. The error is the system's, where its port is taken or it
    /// cannot be started.
    pub(crate) fn start(app: Arc<App>) -> io::Result<Self> {
        let client = HandlerClient::new(port::choose(app.handler.port)?, app.mode != Mode::Envelope);
        // A starting handler may fail twice and be started a third time before calls give up.
        let ready_timeout = 4 * app.initialization_timeout;
        let (sender, state) = watch::channel(State::Starting);
        let (orders, receiver) = mpsc::channel(16);
        let mut supervisor = Supervisor {
            app,
            client: client.clone(),
            state: sender,
            orders: receiver,
            run: 0,
            failures: Vec::new(),
        };
        let first = supervisor.spawn()?;
        Ok(Self { client, ready_timeout, state, orders, supervisor: tokio::spawn(supervisor.run(first)) })
    }

    /// Waits for the handler to be ready for a call. `None` after four times the initialization timeout, or
    /// if the host has given up.
    pub(crate) async fn ready(&self) -> Option<Run> {
        let mut state = self.state.clone();
        match timeout(self.ready_timeout, state.wait_for(|state| *state != State::Starting))
            .await
            .ok()?
            .as_deref()
        {
            Ok(State::Ready(run)) => Some(*run),
            _ => None,
        }
    }

    /// Whether the host has given the handler up.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.state.borrow() == State::Stopped
    }

    /// Resolves when the host has given the handler up.
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

    /// Kills the handler, without waiting for its end.
    pub(crate) fn abort(&self) {
        self.supervisor.abort();
    }

    /// Kills the handler and waits until it is gone.
    pub(crate) async fn stop(&self) {
        let _ = self.orders.send(Order::Stop).await;
        self.stopped().await;
    }
}
