use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::outcome::Stop;

/// Ctrl-C (SIGINT) or SIGTERM: the program is to end.
///
/// Created before anything that needs cleaning up: a signal that arrives from then on is not lost.
pub(super) struct Interrupt {
    signals: [Signal; 2],
}

impl Interrupt {
    /// Catches the signals from now on.
    pub(super) fn listen() -> Result<Self, Stop> {
        let listening =
            |kind| signal(kind).map_err(|error| Stop::Failed(format!("cannot listen for Ctrl-C: {error}")));
        Ok(Self { signals: [listening(SignalKind::interrupt())?, listening(SignalKind::terminate())?] })
    }

    /// Waits until the program is to end.
    pub(super) async fn wait(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    /// The result of `work`, unless the program is to end first; then `work` is dropped.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            done = work => Ok(done),
            () = self.wait() => Err(Stop::Failed("interrupted".to_owned())),
        }
    }
}
