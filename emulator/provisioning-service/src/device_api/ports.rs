//! Which addresses and ports are listened on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use crate::error::DpsError;
use journal::Journal;

/// How many connections may wait to be accepted, as far as the system allows.
const BACKLOG: u32 = 4096;

/// Sockets, and the address of the first one; or the address that cannot be listened on, and why.
type Sockets = Result<(Vec<TcpListener>, SocketAddr), (SocketAddr, io::Error)>;

/// Listens at `address` on the first of `ports` that can be had, for `protocol`; `flag` sets the ports. If it is not
/// the first one, the log says why.
///
/// For 127.0.0.1 there are two sockets: `localhost` may be ::1 first, and not every client tries the other address.
pub(crate) fn listen(
    protocol: &'static str,
    flag: &'static str,
    address: IpAddr,
    ports: &[u16],
    journal: &Journal,
) -> Result<(Vec<TcpListener>, SocketAddr), DpsError> {
    let mut reasons = Vec::new();
    let mut failed = (SocketAddr::new(address, 0), io::Error::other("no port is given"));
    for &port in ports {
        failed = match sockets(address, port) {
            Ok((sockets, listening)) => {
                if !reasons.is_empty() {
                    journal.info(format!(
                        "{protocol} listens at {}: {}; the SDKs for C and Node connect to 443 only",
                        listening.port(),
                        reasons.join(", ")
                    ));
                }
                return Ok((sockets, listening));
            }
            Err(failed) => failed,
        };
        reasons.push(match failed.1.kind() {
            io::ErrorKind::PermissionDenied => format!(
                "{port} needs privileges (on Linux: sudo sysctl net.ipv4.ip_unprivileged_port_start={port})"
            ),
            io::ErrorKind::AddrInUse => format!("{port} is in use"),
            _ => format!("{port} cannot be had ({})", failed.1),
        });
    }
    Err(DpsError::Listen { protocol, flag, address: failed.0, error: failed.1 })
}

/// Listens at `address` and `port`.
fn sockets(address: IpAddr, port: u16) -> Sockets {
    let (first, listening) = socket(SocketAddr::new(address, port))?;
    if address != Ipv4Addr::LOCALHOST {
        return Ok((vec![first], listening));
    }
    match socket(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), listening.port())) {
        Ok((second, _)) => Ok((vec![first, second], listening)),
        // Any port will do: since `first` keeps this one, another is found.
        Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse && port == 0 => sockets(address, port),
        Err(failed) if failed.1.kind() == io::ErrorKind::AddrInUse => Err(failed),
        // There is no IPv6.
        Err(_) => Ok((vec![first], listening)),
    }
}

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
