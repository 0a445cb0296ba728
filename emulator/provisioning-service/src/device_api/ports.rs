//! Which addresses and ports are listened on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use crate::error::DpsError;
use journal::Journal;

/// How many connections may wait to be accepted, as far as the system allows.
const BACKLOG: u32 = 4096;

/// How often a free port is looked for that is free at both loopback addresses.
const ATTEMPTS: u32 = 20;

/// Listens at `address` on the first of `ports` that can be had, for `protocol`; `flag` sets the ports. If it is not
/// the first one, the log says why.
///
/// For 127.0.0.1 there are two sockets: `localhost` may be ::1 first, and not every client tries the other address.
///
/// # Errors
///
/// [`DpsError::Listen`] of the last port, if none can be had.
pub(crate) fn listen(
    protocol: &'static str,
    flag: &'static str,
    address: IpAddr,
    ports: &[u16],
    journal: &Journal,
) -> Result<(Vec<TcpListener>, SocketAddr), DpsError> {
    let mut reasons = Vec::new();
    let mut error = io::Error::new(io::ErrorKind::InvalidInput, "no port is given");
    let mut failed = SocketAddr::new(address, 0);
    for &port in ports {
        match sockets(address, port) {
            Ok((sockets, listening)) => {
                if !reasons.is_empty() {
                    let port = listening.port();
                    journal.info(format!("{protocol} listens at {port}: {}", reasons.join(", ")));
                }
                return Ok((sockets, listening));
            }
            Err((address, why)) => {
                reasons.push(match why.kind() {
                    io::ErrorKind::PermissionDenied => format!("{port} needs privileges"),
                    io::ErrorKind::AddrInUse => format!("{port} is in use"),
                    _ => format!("{port} cannot be had ({why})"),
                });
                (failed, error) = (address, why);
            }
        }
    }
    Err(DpsError::Listen { protocol, flag, address: failed, error })
}

/// The sockets that listen at `address` and `port`, and the address of the first one.
fn sockets(address: IpAddr, port: u16) -> Result<(Vec<TcpListener>, SocketAddr), (SocketAddr, io::Error)> {
    let mut attempt = 1;
    loop {
        let (first, listening) = socket(SocketAddr::new(address, port))?;
        if address != Ipv4Addr::LOCALHOST {
            return Ok((vec![first], listening));
        }
        match socket(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), listening.port())) {
            Ok((second, _)) => return Ok((vec![first, second], listening)),
            Err((_, error))
                if error.kind() == io::ErrorKind::AddrInUse && port == 0 && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            Err((address, error)) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err((address, error));
            }
            // There is no IPv6.
            Err(_) => return Ok((vec![first], listening)),
        }
    }
}

/// A socket that listens at `address`, and its address.
fn socket(address: SocketAddr) -> Result<(TcpListener, SocketAddr), (SocketAddr, io::Error)> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Elsewhere than on Unix this would let two processes share the port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        io::Result::Ok((listener, address))
    };
    listen().map_err(|error| (address, error))
}
