//! Keeps the handler running: polls it until it answers, restarts it, gives it up, kills it.
//! Rules: `HttpFunctionInvocationDispatcher.cs` and `DefaultHttpWorkerService.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::app::App;
use crate::worker::client::HandlerClient;
use crate::worker::process::{Exit, Process};

/// The pause between two attempts to reach a handler that is starting.
const POLL: Duration = Duration::from_millis(25);
/// How many failures end the host.
const FAILURES: usize = 3;
/// The exit code by which a handler asks to be started again.
const RESTART_CODE: i32 = 200;

/// A run of the handler, counted from 1: so that a call which outlives its run does not have the next one killed.
pub(crate) type Run = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Ready(Run),
    Stopped,
}

#[derive(Debug)]
pub(crate) enum Order {
    /// Kill the handler and start it again, unless this run is over.
    Restart(Run),
    /// Give the handler up, unless it is ready: a call has waited for it without success.
    GiveUp,
    Stop,
}

pub(crate) struct Supervisor {
    app: Arc<App>,
    client: HandlerClient,
    state: watch::Sender<State>,
    orders: mpsc::Receiver<Order>,
    process: Option<Process>,
    run: Run,
    /// When the failures that count happened.
    failures: Vec<Instant>,
}

impl Supervisor {
    /// Starts the handler of `app`. What comes out takes orders and shows the state.
    pub(crate) fn start(
        app: Arc<App>,
        client: HandlerClient,
    ) -> io::Result<(Self, mpsc::Sender<Order>, watch::Receiver<State>)> {
        let process = Some(Process::start(&app, client.address.port())?);
        let (sender, orders) = mpsc::channel(16);
        let (state, receiver) = watch::channel(State::Starting);
        Ok((Self { app, client, state, orders, process, run: 1, failures: Vec::new() }, sender, receiver))
    }

    pub(crate) async fn run(mut self) {
        while self.watch().await {
            self.kill().await;
            self.run += 1;
            match Process::start(&self.app, self.client.address.port()) {
                Ok(process) => self.process = Some(process),
                // That is not counted: calls wait until they time out.
                Err(error) => self.app.journal.error(format!(
                    "Failed to start Worker Channel. Process fileName: {}: {error}",
                    self.app.handler.executable.display()
                )),
            }
        }
        self.kill().await;
        self.state.send_replace(State::Stopped);
    }

    async fn kill(&mut self) {
        self.state.send_replace(State::Starting);
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Watches one run of the handler to its end; whether another one follows.
    async fn watch(&mut self) -> bool {
        let (app, client) = (Arc::clone(&self.app), self.client.clone());
        let (address, limit) = (client.address, app.initialization_timeout);
        let executable = app.handler.executable.display();
        let readiness = timeout(limit, async move {
            while !client.is_answered().await {
                sleep(POLL).await;
            }
        });
        let mut readiness = std::pin::pin!(readiness);
        // Without a process there is nothing to become ready; another listener on the port does not count.
        let (spawned, mut started) = (self.process.is_some(), false);
        loop {
            tokio::select! {
                answered = &mut readiness, if spawned && !started => {
                    if answered.is_err() {
                        app.journal.error(format!(
                            "Failed to start http worker process. Initializing HttpWorker timed out: nothing answered on {address} within {limit:?}"
                        ));
                        return self.failed();
                    }
                    started = true;
                    app.journal.info("Worker process started and initialized.");
                    self.state.send_replace(State::Ready(self.run));
                }
                Some(Exit { pid, code, errors }) = OptionFuture::from(self.process.as_mut().map(Process::ended)) => {
                    self.process = None;
                    match code {
                        0 => app.journal.warn(format!(
                            "{executable} exited with code 0: the host takes that for no failure and does not restart it, so that every call fails from now on"
                        )),
                        RESTART_CODE => return true,
                        _ => {
                            let errors = if errors.is_empty() { errors } else { format!("\n{errors}") };
                            app.journal.error(format!(
                                "Language Worker Process exited. Pid={pid}.\n{executable} exited with code {code} (0x{code:X}){errors}"
                            ));
                            return self.failed();
                        }
                    }
                }
                order = self.orders.recv() => match order {
                    Some(Order::Restart(run)) if run == self.run => return true,
                    Some(Order::GiveUp) if !started => {
                        app.journal.error("Final functionDispatcher state: Initializing. Initialization timed out and host is shutting down");
                        return false;
                    }
                    Some(Order::Stop) | None => return false,
                    // The order is out of date.
                    Some(Order::Restart(_) | Order::GiveUp) => {}
                },
            }
        }
    }

    /// Counts a failure; the third that counts ends the host. Whether the handler is started again.
    fn failed(&mut self) -> bool {
        let (app, now) = (&self.app, Instant::now());
        if self.failures.last().is_some_and(|&last| now - last > app.options.failures_count_for) {
            self.failures.clear();
        }
        self.failures.push(now);
        let restarts = self.failures.len() < FAILURES;
        if !restarts {
            app.journal.error("Exceeded http worker restart retry count. Shutting down Functions Host");
        }
        restarts
    }
}
