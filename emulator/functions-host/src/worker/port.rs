//! The port that the handler shall listen on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Ports for handlers: below the range that systems assign ports from (from 32768 on Linux, from 49152
/// elsewhere), so that no one else is assigned a port between its choice and the handler's start.
const PORTS: Range<u16> = 20_000..32_000;

/// `pinned`, or a free port, another one at each call. The listener that tries it is closed
/// again, as the host closes it.
pub(crate) fn choose(pinned: Option<u16>) -> io::Result<SocketAddr> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.local_addr();
    if let Some(port) = pinned {
        let pinned =
            |error: io::Error| io::Error::new(error.kind(), format!("customHandler.port {port}: {error}"));
        return bind(port).map_err(pinned);
    }
    // Emulators that are started at the same time begin at different ports.
    let first = process::id() as usize + NEXT.fetch_add(1, Ordering::Relaxed);
    let ports = PORTS.cycle().skip(first % PORTS.len()).take(PORTS.len());
    ports
        .map(bind)
        .find(|bound| !matches!(bound, Err(error) if error.kind() == io::ErrorKind::AddrInUse))
        .unwrap_or_else(|| bind(0))
}
