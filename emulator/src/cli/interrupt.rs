use std::future::Future;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

use super::Stop;

/// The wish of the user, or of the system, that the program ends: Ctrl-C (SIGINT), or SIGTERM.
///
/// Made before anything that has to be tidied up: a wish that comes from then on is kept until it is
/// asked for.
pub(super) struct Interrupt {
    #[cfg(unix)]
    signals: [Signal; 2],
    #[cfg(windows)]
    pressed: CtrlC,
}

impl Interrupt {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self, Stop> {
        Self::install().map_err(|error| Stop::Failed(format!("cannot listen for Ctrl-C: {error}")))
    }

    /// Resolves once the program is to end.
    pub(super) async fn wait(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(windows)]
        self.pressed.recv().await;
    }

    /// What comes of `work`, unless the program is to end first. Then `work` is dropped.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            done = work => Ok(done),
            () = self.wait() => Err(Stop::Failed("interrupted".to_owned())),
        }
    }

    #[cfg(unix)]
    fn install() -> std::io::Result<Self> {
        Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
    }

    #[cfg(windows)]
    fn install() -> std::io::Result<Self> {
        Ok(Self { pressed: ctrl_c()? })
    }
}
