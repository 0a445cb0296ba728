//! The device API: how devices reach the service.
//!
//! - `ports`: the addresses and ports that are listened on.
//! - `listener`: a TLS port. It takes connections, does the handshake (`tls`, with the `certificate`), looks at the
//!   first bytes, and hands each connection to its protocol.
//! - `mqtt`, `https`: the protocols. Each authenticates a device and turns its requests into calls of the service,
//!   and the service's answers into packets or responses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use journal::Journal;
use tokio::sync::{Semaphore, oneshot};

use crate::device_api::tls::Tls;
use crate::service::Service;

pub(crate) mod certificate;
mod https;
pub(crate) mod listener;
mod mqtt;
pub(crate) mod ports;
pub(crate) mod tls;

/// What all ports and connections share.
pub(crate) struct DeviceApi {
    pub(crate) service: Arc<Service>,
    pub(crate) journal: Journal,
    pub(crate) tls: Tls,
    /// One permit for each connection that may be open.
    pub(crate) permits: Arc<Semaphore>,
    /// How long a device may take over a handshake, its first byte, and each packet or body.
    pub(crate) timeout: Duration,
    /// How long an answer over MQTT waits after its request.
    pub(crate) answer_delay: Duration,
    /// The port for MQTT, for those who try it over WebSocket.
    pub(crate) mqtt_port: u16,
    /// How many bytes a body over HTTPS may have.
    pub(crate) body_limit: usize,
    /// The client ids in use over MQTT, in lower case; dropping what is beside one closes its connection.
    pub(crate) clients: Mutex<HashMap<String, oneshot::Sender<()>>>,
}
