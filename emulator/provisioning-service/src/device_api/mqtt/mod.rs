//! MQTT 3.1.1 as the provisioning service speaks it.
//!
//! A device connects with its token (`connect`), subscribes to its answers (`filter`), and asks with PUBLISH packets
//! (`session`, `topic`). Bytes become packets in `stream`, by the rules of `packet`; `clients` sees to it that a
//! client id is used once. The codec is mqtt-protocol-core, which shares no code with rumqttc, the client in the
//! simulated devices: a mistake in one is seen by the other.
//!
//! Source: <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>. As there, no session outlives
//! its connection whatever the CONNECT asks for, and wills are accepted and forgotten.

use std::sync::Arc;
use std::time::Duration;

use mqtt_protocol_core::mqtt::packet::v3_1_1::Connack;
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, MqttError};

use self::clients::Clients;
use self::connect::Credentials;
use self::packet::{Packet, ReadError};
use self::session::Session;
use self::stream::PacketStream;
use crate::device_api::listener::{Connection, Protocol};
use crate::service::Service;
use journal::Journal;

mod clients;
mod connect;
mod filter;
mod packet;
mod session;
mod stream;
mod topic;

/// How long a device without a keep-alive may send nothing: ten years.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The MQTT side of the service.
#[derive(Debug)]
pub(crate) struct Mqtt {
    service: Arc<Service>,
    journal: Journal,
    clients: Clients,
    answer_delay: Duration,
    timeout: Duration,
}

// === impl Mqtt ===

impl Mqtt {
    /// `answer_delay` is how long an answer waits after its request, `timeout` how long a packet may take from its
    /// first byte to its last.
    pub(crate) fn new(
        service: Arc<Service>,
        journal: Journal,
        answer_delay: Duration,
        timeout: Duration,
    ) -> Self {
        Self { service, journal, clients: Clients::default(), answer_delay, timeout }
    }

    /// Authenticates the device and serves it: why the connection ends. `name` is its name in the log, to which
    /// the registration id is added.
    async fn talk(&self, stream: &mut PacketStream, name: &mut String) -> ReadError {
        let connect = match stream.receive(self.timeout).await {
            Ok(Packet::Connect(connect)) => connect,
            Ok(_) => return ReadError::Failed("expected a CONNECT first, found another packet".to_owned()),
            Err(ReadError::Version(why)) => {
                return refuse(stream, ConnectReturnCode::UnacceptableProtocolVersion, Some(why)).await;
            }
            Err(end) => return end,
        };
        let Credentials { id_scope, registration_id, sas } = match Credentials::read(&connect) {
            Ok(credentials) => credentials,
            Err((code, why)) => return refuse(stream, code, Some(why)).await,
        };
        let device = match self.service.authenticate(&id_scope, &registration_id, sas.as_deref()) {
            Ok(device) => device,
            // The service has logged the reason.
            Err(_) => return refuse(stream, ConnectReturnCode::NotAuthorized, None).await,
        };
        name.push_str(&format!(" ({registration_id})"));
        let closed = self.clients.connected(&registration_id);
        let idle = match connect.keep_alive() {
            0 => FOREVER,
            seconds => Duration::from_millis(1500 * u64::from(seconds)),
        };
        let served = async {
            if let Err(end) = stream.send(connack(ConnectReturnCode::Accepted)).await {
                return end;
            }
            let session = Session {
                stream,
                device,
                name,
                service: &self.service,
                journal: &self.journal,
                answer_delay: self.answer_delay,
                idle,
                subscriptions: Vec::new(),
                packet_id: 0,
            };
            session.run().await
        };
        let end = tokio::select! {
            () = closed.notified() => {
                ReadError::Failed("a newer connection has the same client id".to_owned())
            }
            end = served => end,
        };
        self.clients.disconnected(&registration_id, &closed);
        end
    }
}

impl Protocol for Mqtt {
    const NAME: &'static str = "MQTT";
    const WITHOUT_TLS: &'static str = "MQTT";

    async fn serve(&self, connection: Connection) {
        let mut stream = PacketStream::new(connection.stream, self.timeout);
        let mut name = format!("MQTT {}", connection.peer);
        if let ReadError::Failed(why) | ReadError::Version(why) = self.talk(&mut stream, &mut name).await {
            self.journal.warn(format!("{name}: {why}; connection closed"));
        }
        stream.close().await;
    }
}

/// Refuses a CONNECT with `code`; `why` is for the log.
async fn refuse(stream: &mut PacketStream, code: ConnectReturnCode, why: Option<String>) -> ReadError {
    // If that fails, the device has disconnected, and the reason for the refusal is still the one to log.
    let _ = stream.send(connack(code)).await;
    match why {
        Some(why) => ReadError::Failed(format!("CONNECT refused ({}): {why}", code as u8)),
        None => ReadError::Disconnected,
    }
}

/// Never "session present": the .NET SDK fails on it.
fn connack(code: ConnectReturnCode) -> Result<Connack, MqttError> {
    Connack::builder().session_present(false).return_code(code).build()
}
