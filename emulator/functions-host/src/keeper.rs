//! Keeps the handler running: polls it until it answers, restarts it, gives it up, kills it.
//!
//! Rules: `HttpFunctionInvocationDispatcher.cs` and `DefaultHttpWorkerService.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::client;
use super::console::Console;
use super::launch::Launch;
use super::process::{Exit, Process};
use super::worker::{Limits, Order, Run, State};

/// The pause between two attempts to reach a handler that is starting.
const POLL: Duration = Duration::from_millis(25);

/// How many failures end the host.
const STRIKES: usize = 3;

/// The exit code by which a handler asks to be started again.
const RESTART_CODE: i32 = 200;

/// What keeps the handler running.
pub(super) struct Keeper {
    launch: Launch,
    host_name: String,
    console: Console,
    address: SocketAddr,
    initialization_timeout: Duration,
    strikes: Strikes,
    state: watch::Sender<State>,
    orders: mpsc::Receiver<Order>,
    run: Run,
}

/// The failures that still count.
#[derive(Debug)]
struct Strikes {
    forgiven_after: Duration,
    count: usize,
    last: Option<Instant>,
}

/// What to do after a run of the handler.
enum Next {
    Start,
    GiveUp,
    Stop,
}

impl Keeper {
    /// A keeper of the handler that `launch` starts and that listens at `address`, for a host that callers
    /// know as `host_name`. It tells its `state` and takes `orders`.
    pub(super) fn new(
        launch: Launch,
        host_name: String,
        address: SocketAddr,
        limits: Limits,
        console: Console,
        state: watch::Sender<State>,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        let strikes = Strikes { forgiven_after: limits.strikes_forgiven_after, count: 0, last: None };
        let initialization_timeout = limits.initialization;
        Self { launch, host_name, address, initialization_timeout, strikes, console, state, orders, run: 1 }
    }

    /// Keeps the handler running until it is stopped or given up.
    pub(super) async fn keep(mut self, first: Process) {
        let mut process = Some(first);
        loop {
            match self.watch(process).await {
                Next::Start => process = self.spawn(),
                Next::GiveUp => {
                    self.console.gave_up();
                    break;
                }
                Next::Stop => break,
            }
        }
        self.state.send_replace(State::Stopped);
    }

    /// Starts the handler again. `None` if that fails, which is not counted: calls wait until they time out.
    fn spawn(&mut self) -> Option<Process> {
        self.run += 1;
        let mut command = self.launch.command(self.address.port(), &self.host_name);
        Process::start(&mut command, &self.console)
            .inspect_err(|error| self.console.not_spawned(self.executable(), error))
            .ok()
    }

    /// Watches one run of the handler to its end.
    async fn watch(&mut self, mut process: Option<Process>) -> Next {
        let next = self.events(&mut process).await;
        self.state.send_replace(State::Starting);
        if let Some(process) = process {
            process.kill().await;
        }
        next
    }

    async fn events(&mut self, process: &mut Option<Process>) -> Next {
        let deadline = Instant::now() + self.initialization_timeout;
        let mut started = false;
        let readiness = answers(self.address);
        let mut readiness = std::pin::pin!(timeout_at(deadline, readiness));
        // Without a process there is nothing to become ready; another listener on the port does not count.
        let spawned = process.is_some();
        loop {
            tokio::select! {
                answered = &mut readiness, if spawned && !started => match answered {
                    Ok(()) => {
                        started = true;
                        self.console.started();
                        self.state.send_replace(State::Ready(self.run));
                    }
                    Err(_) => {
                        self.console.not_started(self.address.port(), self.initialization_timeout);
                        return self.strikes.strike();
                    }
                },
                exit = ended(process) => {
                    *process = None;
                    match exit.code {
                        0 => self.console.exited_with_success(self.executable()),
                        RESTART_CODE => return Next::Start,
                        _ => {
                            self.console.exited(self.executable(), &exit);
                            return self.strikes.strike();
                        }
                    }
                }
                order = self.orders.recv() => match order {
                    Some(Order::Restart(run)) if run == self.run => return Next::Start,
                    Some(Order::GiveUp) if !started => {
                        self.console.never_ready();
                        return Next::Stop;
                    }
                    Some(Order::Stop) | None => return Next::Stop,
                    // The order is out of date.
                    Some(Order::Restart(_) | Order::GiveUp) => {}
                },
            }
        }
    }

    fn executable(&self) -> &Path {
        &self.launch.executable
    }
}

impl Strikes {
    /// Counts a failure; the third in a row ends the host.
    fn strike(&mut self) -> Next {
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last > self.forgiven_after) {
            self.count = 0;
        }
        self.last = Some(now);
        self.count += 1;
        if self.count < STRIKES { Next::Start } else { Next::GiveUp }
    }
}

/// The end of `process`; never, if there is none.
async fn ended(process: &mut Option<Process>) -> Exit {
    match process {
        Some(process) => process.ended().await,
        None => std::future::pending().await,
    }
}

/// Polls `GET /` until something answers: with any HTTP status, or with something that is not HTTP.
async fn answers(address: SocketAddr) {
    while !client::probe(address).await {
        sleep(POLL).await;
    }
}
