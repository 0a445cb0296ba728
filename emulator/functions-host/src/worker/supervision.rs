//! Keeps the handler running: polls it until it answers, restarts it, gives it up, kills it.
//!
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

/// How many failures end the host.
const FAILURES: usize = 3;

/// The exit code by which a handler asks to be started again.
const RESTART_CODE: i32 = 200;

/// Which run of the handler answers calls, counted from 1: so that a call which outlives its run does not
/// order the next one killed.
pub(crate) type Run = u64;

/// What the handler is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It starts, or is started again.
    Starting,
    /// It takes calls.
    Ready(Run),
    /// It is given up, or stopped.
    Stopped,
}

/// What the supervisor is ordered to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Kill the handler and start it again, unless this run is over.
    Restart(Run),
    /// Give the handler up, unless it is ready: a call has waited for it without success.
    GiveUp,
    /// Kill the handler.
    Stop,
}

/// What keeps the handler running.
pub(crate) struct Supervisor {
    pub(crate) app: Arc<App>,
    pub(crate) client: HandlerClient,
    pub(crate) state: watch::Sender<State>,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) run: Run,
    /// When the failures that count happened.
    pub(crate) failures: Vec<Instant>,
}

/// What to do after a run of the handler.
#[derive(PartialEq, Eq)]
enum Next {
    Start,
    Stop,
}

impl Supervisor {
    /// Starts the handler.
    pub(crate) fn spawn(&mut self) -> io::Result<Process> {
        self.run += 1;
        Process::start(&self.app, self.client.address().port())
    }

    /// Keeps the handler running, after its `first` start, until it is stopped or given up.
    pub(crate) async fn run(mut self, first: Process) {
        let mut process = Some(first);
        loop {
            let next = self.watch(&mut process).await;
            self.state.send_replace(State::Starting);
            if let Some(process) = process.take() {
                process.kill().await;
            }
            if next == Next::Stop {
                break;
            }
            match self.spawn() {
                Ok(started) => process = Some(started),
                // That is not counted: calls wait until they time out.
                Err(error) => {
                    let executable = self.executable();
                    self.app.journal.error(format!(
                        "Failed to start Worker Channel. Process fileName: {executable}: {error}"
                    ));
                }
            }
        }
        self.state.send_replace(State::Stopped);
    }

    /// Watches one run of the handler to its end.
    async fn watch(&mut self, process: &mut Option<Process>) -> Next {
        let client = self.client.clone();
        let readiness = timeout(self.app.initialization_timeout, async move {
            while !client.is_answered().await {
                sleep(POLL).await;
            }
        });
        let mut readiness = std::pin::pin!(readiness);
        // Without a process there is nothing to become ready; another listener on the port does not count.
        let (spawned, mut started) = (process.is_some(), false);
        loop {
            tokio::select! {
                answered = &mut readiness, if spawned && !started => {
                    if answered.is_err() {
                        self.app.journal.error(format!(
                            "Failed to start http worker process. Initializing HttpWorker timed out: nothing answered on {} within {:?}",
                            self.client.address(),
                            self.app.initialization_timeout
                        ));
                        return self.failed();
                    }
                    started = true;
                    self.app.journal.info("Worker process started and initialized.");
                    self.state.send_replace(State::Ready(self.run));
                }
                exit = ended(process) => {
                    *process = None;
                    match exit.code {
                        0 => self.app.journal.warn(format!(
                            "{} exited with code 0: the host takes that for no failure and does not restart it, so that every call fails from now on",
                            self.executable()
                        )),
                        RESTART_CODE => return Next::Start,
                        _ => {
                            self.log_exit(&exit);
                            return self.failed();
                        }
                    }
                }
                order = self.orders.recv() => match order {
                    Some(Order::Restart(run)) if run == self.run => return Next::Start,
                    Some(Order::GiveUp) if !started => {
                        self.app.journal.error("Final functionDispatcher state: Initializing. Initialization timed out and host is shutting down");
                        return Next::Stop;
                    }
                    Some(Order::Stop) | None => return Next::Stop,
                    // The order is out of date.
                    Some(Order::Restart(_) | Order::GiveUp) => {}
                },
            }
        }
    }

    /// Counts a failure; the third that counts ends the host.
    fn failed(&mut self) -> Next {
        let now = Instant::now();
        if self.failures.last().is_some_and(|&last| now - last > self.app.options.failures_count_for) {
            self.failures.clear();
        }
        self.failures.push(now);
        if self.failures.len() < FAILURES {
            return Next::Start;
        }
        self.app.journal.error("Exceeded http worker restart retry count. Shutting down Functions Host");
        Next::Stop
    }

    fn log_exit(&self, exit: &Exit) {
        let Exit { pid, code, errors } = exit;
        let executable = self.executable();
        let mut text = format!(
            "Language Worker Process exited. Pid={pid}.\n{executable} exited with code {code} (0x{code:X})"
        );
        if !errors.is_empty() {
            text = format!("{text}\n{}", errors.join(","));
        }
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
