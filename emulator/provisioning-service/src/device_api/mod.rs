//! The device API: how devices reach the service.
//!
//! - `ports`: the addresses and ports that are listened on.
//! - `listener`: a TLS port. It takes connections, does the handshake (`tls`, with the `certificate`), looks at the
//!   first bytes, and hands each connection to its protocol.
//! - `mqtt`, `https`: the protocols. Each authenticates a device and turns its requests into calls of the service,
//!   and the service's answers into packets or responses.

pub(crate) mod certificate;
pub(crate) mod https;
pub(crate) mod listener;
pub(crate) mod mqtt;
pub(crate) mod ports;
pub(crate) mod tls;
