use std::future::Future;
use std::io;

use tokio::signal;

use super::Stop;

/// What comes of `work`, unless the user, or the system, wants the program to end first: SIGINT (Ctrl-C) or
/// SIGTERM. Then `work` is dropped.
pub(super) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<T, Stop> {
    tokio::select! {
        done = work => Ok(done),
        _ = interrupted() => Err(Stop::Failed("interrupted".to_owned())),
    }
}

/// Resolves at SIGINT (Ctrl-C) or SIGTERM.
pub(super) async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            pressed = signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}
