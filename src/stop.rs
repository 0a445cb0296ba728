//! When to stop: the signals by which a process is asked to.

use std::future::Future;
use std::io;

/// Who asked the process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// SIGTERM: another process.
    Terminate,
    /// SIGINT, or Ctrl-C: a person at a terminal.
    Interrupt,
}

/// Starts listening for SIGTERM and SIGINT (on Windows, Ctrl-C); the future is ready when one came.
///
/// # Errors
///
/// When the system refuses to tell of signals.
#[cfg(unix)]
pub fn asked() -> io::Result<impl Future<Output = AskedBy>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {
                log::info!("Asked to stop (SIGTERM).");
                AskedBy::Terminate
            }
            _ = interrupt.recv() => {
                log::info!("Asked to stop (SIGINT).");
                AskedBy::Interrupt
            }
        }
    })
}

/// Starts listening for Ctrl-C; the future is ready when it came.
///
/// # Errors
///
/// When the system refuses to tell of it.
#[cfg(windows)]
pub fn asked() -> io::Result<impl Future<Output = AskedBy>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
        log::info!("Asked to stop (Ctrl-C).");
        AskedBy::Interrupt
    })
}
