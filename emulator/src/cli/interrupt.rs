use std::future::Future;

use functions_host::FunctionsHost;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::outcome::{Outcome, Stop};

/// Ctrl-C (SIGINT) or SIGTERM: the program is to end.
///
/// Created before anything that needs cleaning up: a signal that arrives from then on is not lost.
pub(super) struct Interrupt(Signal, Signal);

impl Interrupt {
    pub(super) fn listen() -> Result<Self, Stop> {
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }

    /// The result of `work`, unless the program is to end first; then `work` is dropped.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            done = work => Ok(done),
            () = self.wait() => Err(Stop::Failed("interrupted".to_owned())),
        }
    }

    /// Waits until the program is to end, which is success, or `host` has given up.
    pub(super) async fn or_end_of(&mut self, host: &FunctionsHost) -> Outcome {
        let given_up = "the host has given up its handler; the log above says why";
        tokio::select! {
            () = self.wait() => Ok(true),
            () = host.stopped() => Err(Stop::Failed(given_up.to_owned())),
        }
    }
}
