//! The handler as the host keeps it: started, polled until it answers, restarted, given up, killed.
//!
//! Rules: `HttpFunctionInvocationDispatcher.cs` and `DefaultHttpWorkerService.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::client;
use super::console::Console;
use super::launch::Launch;
use super::process::{Exit, Process};

/// The pause between two attempts to reach a handler that is starting.
const POLL: Duration = Duration::from_millis(25);

/// How many failures end the host.
const STRIKES: usize = 3;

/// The exit code by which a handler asks to be started again.
const RESTART_CODE: i32 = 200;

/// The handler, from a caller's point of view.
#[derive(Debug)]
pub(super) struct Worker {
    address: SocketAddr,
    patience: Duration,
    state: watch::Receiver<State>,
    orders: mpsc::Sender<Order>,
    keeper: JoinHandle<()>,
}

/// Which run of the handler answers calls, counted from 1: so that a call which outlives its run does not
/// order the next one killed.
pub(super) type Run = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Ready(Run),
    Stopped,
}

#[derive(Debug)]
enum Order {
    Restart(Run),
    GiveUp,
    Stop,
}

/// What keeps the handler running.
struct Keeper {
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

/// How long the handler is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From its start to its first answer.
    pub initialization: Duration,
    /// From a failure to the next for the first to be forgiven.
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
        let keeper = Keeper {
            launch,
            host_name,
            console,
            address,
            initialization_timeout: limits.initialization,
            strikes: Strikes { forgiven_after: limits.strikes_forgiven_after, count: 0, last: None },
            state: state_sender,
            orders: order_receiver,
            run: 1,
        };
        let keeper = tokio::spawn(keeper.keep(first));
        // A starting handler may fail twice and be started a third time before calls give it up.
        Ok(Self { address, patience: 4 * limits.initialization, state, orders, keeper })
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
        match timeout(self.patience, ready).await {
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

    /// Gives the handler up, since it never became ready.
    pub(super) async fn give_up(&self) {
        let _ = self.orders.send(Order::GiveUp).await;
        self.stopped().await;
    }

    /// Kills the handler, at once or nearly so.
    pub(super) fn abort(&self) {
        self.keeper.abort();
    }

    /// Kills the handler and waits until it is gone.
    pub(super) async fn stop(&self) {
        let _ = self.orders.send(Order::Stop).await;
        self.stopped().await;
    }
}

impl Keeper {
    /// Keeps the handler running until it is stopped or given up.
    async fn keep(mut self, first: Process) {
        let mut process = Some(first);
        loop {
            let next = match self.watch(process.take()).await {
                Next::Start => self.spawn(),
                end => {
                    if matches!(end, Next::GiveUp) {
                        self.console.gave_up();
                    }
                    let _ = self.state.send(State::Stopped);
                    return;
                }
            };
            process = next;
        }
    }

    /// Starts the handler once more. `None` if that fails, which counts as nothing: calls wait in vain.
    fn spawn(&mut self) -> Option<Process> {
        self.run += 1;
        let _ = self.state.send(State::Starting);
        let mut command = self.launch.command(self.address.port(), &self.host_name);
        Process::start(&mut command, &self.console)
            .inspect_err(|error| self.console.not_spawned(self.executable(), error))
            .ok()
    }

    /// Watches one run of the handler to its end.
    async fn watch(&mut self, mut process: Option<Process>) -> Next {
        let next = self.events(&mut process).await;
        let _ = self.state.send_if_modified(|state| {
            let was_ready = matches!(state, State::Ready(_));
            *state = State::Starting;
            was_ready
        });
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
        // Without a process there is nothing to become ready; whatever else listens there does not count.
        let spawned = process.is_some();
        loop {
            tokio::select! {
                answered = &mut readiness, if spawned && !started => match answered {
                    Ok(()) => {
                        started = true;
                        self.console.started();
                        let _ = self.state.send(State::Ready(self.run));
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
                    Some(Order::Restart(_)) => {}
                    Some(Order::GiveUp) => {
                        self.console.never_ready();
                        return Next::Stop;
                    }
                    Some(Order::Stop) | None => return Next::Stop,
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

/// Polls `GET /` until something answers: any HTTP status will do, and so will what is not HTTP at all.
async fn answers(address: SocketAddr) {
    while !client::probe(address).await {
        sleep(POLL).await;
    }
}

/// A port that nobody listens on. The listener that found it is closed again, as the host closes it.
fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
