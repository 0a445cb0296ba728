//! Why the service did not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::store::StoreError;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum DpsError {
    /// A file or folder of the state cannot be read or written.
    #[error("{path}: {1}", path = .0.display())]
    State(PathBuf, #[source] io::Error),
    /// The file holds no usable certificate; says what is wrong with it.
    #[error(
        "{path}: unusable certificate: {1}. Delete the file to have a new one made; devices must then trust the new \
         ca.pem beside it",
        path = .0.display()
    )]
    Certificate(PathBuf, String),
    /// The assignments cannot be read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {protocol}: {error}{}", hint(error, flag))]
    Listen {
        /// The protocol to be spoken there.
        protocol: &'static str,
        /// The flag that sets the port: `--mqtt-port`.
        flag: &'static str,
        /// The address and port.
        address: SocketAddr,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

/// What to do about a port that cannot be had.
fn hint(error: &io::Error, flag: &str) -> String {
    let cause = match error.kind() {
        io::ErrorKind::AddrInUse => "is another emulator or MQTT broker running?",
        io::ErrorKind::PermissionDenied => "ports below 1024 need privileges;",
        _ => return String::new(),
    };
    format!(" ({cause} {flag} sets another port)")
}
