//! Why the service did not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::store::StoreError;

/// Why the service did not start.
#[derive(Debug)]
pub enum DpsError {
    /// A file or folder of the state cannot be read or written.
    State(PathBuf, io::Error),
    /// The file holds no usable certificate; says what is wrong with it.
    Certificate(PathBuf, String),
    /// The assignments cannot be read.
    Store(StoreError),
    /// An address cannot be listened on.
    Listen {
        /// The protocol to be spoken there.
        protocol: &'static str,
        /// The flag that sets the port: `--mqtt-port`.
        flag: &'static str,
        /// The address and port.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

// === impl DpsError ===

impl std::error::Error for DpsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::State(_, error) | Self::Listen { error, .. } => Some(error),
            Self::Store(error) => Some(error),
            Self::Certificate(..) => None,
        }
    }
}

impl fmt::Display for DpsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Certificate(path, what) => write!(
                f,
                "{}: unusable certificate: {what}. Delete the file to have a new one made; devices must then \
                 trust the new ca.pem beside it",
                path.display()
            ),
            Self::Store(error) => error.fmt(f),
            Self::Listen { protocol, flag, address, error } => {
                write!(f, "cannot listen on {address} for {protocol}: {error}")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        write!(f, " (is another emulator or MQTT broker running? {flag} sets another port)")
                    }
                    io::ErrorKind::PermissionDenied => {
                        write!(f, " (ports below 1024 need privileges; {flag} sets another port)")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}
