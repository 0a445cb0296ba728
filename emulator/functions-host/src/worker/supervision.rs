//! Keeps the handler running: polls it until it answers, restarts it, gives it up, kills it.
//! Rules: `HttpFunctionInvocationDispatcher.cs` and `DefaultHttpWorkerService.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::app::App;
use crate::worker::client::HandlerClient;
use crate::worker::process::{Exit, Process};

/// The pause between two attempts to reach a handler that is starting.
const POLL: Duration = Duration::from_millis(25);

const FAILURES: usize = 3;

/// The exit code by which a handler asks to be started again.
const RESTART_CODE: i32 = 200;

/// Which run of the handler answers calls, counted from 1: so that a call which outlives its run does not
/// order the next one killed.
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
    pub(crate) fn start(
        app: Arc<App>,
        client: HandlerClient,
        state: watch::Sender<State>,
        orders: mpsc::Receiver<Order>,
    ) -> io::Result<Self> {
        let process = Some(Process::start(&app, client.address().port())?);
        Ok(Self { app, client, state, orders, process, run: 1, failures: Vec::new() })
    }

    /// Keeps the handler running until it is stopped or given up.
    pub(crate) async fn run(mut self) {
        loop {
            let restarts = self.watch().await;
            self.state.send_replace(State::Starting);
            if let Some(process) = self.process.take() {
                process.kill().await;
            }
            if !restarts {
                break;
            }
            self.run += 1;
            match Process::start(&self.app, self.client.address().port()) {
                Ok(process) => self.process = Some(process),
                // That is not counted: calls wait until they time out.
                Err(error) => self.error(format!(
                    "Failed to start Worker Channel. Process fileName: {}: {error}",
                    self.executable()
                )),
            }
        }
        self.state.send_replace(State::Stopped);
    }

    /// Watches one run of the handler to its end; whether another one follows.
    async fn watch(&mut self) -> bool {
        let (client, limit) = (self.client.clone(), self.app.initialization_timeout);
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
                        let address = self.client.address();
                        self.error(format!(
                            "Failed to start http worker process. Initializing HttpWorker timed out: nothing answered on {address} within {limit:?}"
                        ));
                        return self.failed();
                    }
                    started = true;
                    self.app.journal.info("Worker process started and initialized.");
                    self.state.send_replace(State::Ready(self.run));
                }
                exit = ended(&mut self.process) => {
                    self.process = None;
                    match exit.code {
                        0 => self.app.journal.warn(format!(
                            "{} exited with code 0: the host takes that for no failure and does not restart it, so that every call fails from now on",
                            self.executable()
                        )),
                        RESTART_CODE => return true,
                        _ => {
                            self.log_exit(&exit);
                            return self.failed();
                        }
                    }
                }
                order = self.orders.recv() => match order {
                    Some(Order::Restart(run)) if run == self.run => return true,
                    Some(Order::GiveUp) if !started => {
                        self.error("Final functionDispatcher state: Initializing. Initialization timed out and host is shutting down");
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
        let now = Instant::now();
        if self.failures.last().is_some_and(|&last| now - last > self.app.options.failures_count_for) {
            self.failures.clear();
        }
        self.failures.push(now);
        let restarts = self.failures.len() < FAILURES;
        if !restarts {
            self.error("Exceeded http worker restart retry count. Shutting down Functions Host");
        }
        restarts
    }

    fn log_exit(&self, Exit { pid, code, errors }: &Exit) {
        let executable = self.executable();
        let exited = format!(
            "Language Worker Process exited. Pid={pid}.\n{executable} exited with code {code} (0x{code:X})"
        );
        let errors = if errors.is_empty() { String::new() } else { format!("\n{}", errors.join(",")) };
        self.error(exited + &errors);
    }

    fn error(&self, text: impl Into<String>) {
        self.app.journal.error(text);
    }

    fn executable(&self) -> std::path::Display<'_> {
        self.app.handler.executable.display()
    }
}

/// The end of `process`; never, if there is none.
async fn ended(process: &mut Option<Process>) -> Exit {
    match process {
        Some(process) => process.ended().await,
        None => std::future::pending().await,
    }
}
