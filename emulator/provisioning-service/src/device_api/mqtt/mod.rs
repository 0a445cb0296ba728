//! MQTT 3.1.1 as the provisioning service speaks it.
//!
//! A device connects with its token (`credentials`), subscribes to its answers, and asks with PUBLISH packets
//! (`topic`, `session`). Bytes become packets in `wire`, by the rules of `packet`; `clients` sees to it that a
//! client id is used once.
//!
//! Source: <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>. As there, no session outlives
//! its connection whatever the CONNECT asks for, and wills are accepted and forgotten.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mqttbytes::v4::{ConnAck, Connect, ConnectReturnCode, Packet};
use tokio::time::Instant;

use self::clients::Clients;
use self::credentials::Credentials;
use self::packet::Malformed;
use self::session::{End, Session};
use self::wire::{Silence, Wire};
use crate::Service;
use crate::device_api::listener::{Connection, Protocol, Stop};
use crate::device_api::seats::Proof;
use journal::Journal;

mod clients;
mod credentials;
mod packet;
mod session;
mod topic;
mod wire;

/// The longest CONNECT. Those of the device SDKs have some 400 bytes.
const CONNECT_LIMIT: usize = 8 * 1024;

/// Bytes of a packet besides its body, at least: enough for every topic, and for a body that is slightly too
/// long to be received and answered with an error.
const BESIDE_THE_BODY: usize = 4 * 1024;

/// The MQTT side of the service.
#[derive(Debug)]
pub(crate) struct Mqtt {
    service: Arc<Service>,
    journal: Journal,
    clients: Clients,
    options: MqttOptions,
}

/// What the MQTT side is set up with.
#[derive(Clone, Debug)]
pub(crate) struct MqttOptions {
    /// How long an answer waits after its request.
    pub(crate) answer_delay: Duration,
    /// How long a packet may take from its first byte to its last, and the CONNECT from the handshake on.
    pub(crate) timeout: Duration,
    /// How many bytes the body of a PUBLISH may have.
    pub(crate) body_limit: usize,
}

// === impl Mqtt ===

impl Mqtt {
    pub(crate) fn new(service: Arc<Service>, journal: Journal, options: MqttOptions) -> Self {
        Self { service, journal, clients: Clients::default(), options }
    }

    /// Authenticates the device and serves it. `name` is its name in the log, to which the registration id is
    /// added.
    async fn talk(&self, wire: &mut Wire, name: &mut String, proof: &Proof) -> End {
        let connect = match self.connect(wire).await {
            Ok(connect) => connect,
            Err(end) => return end,
        };
        let credentials = match Credentials::read(&connect) {
            Ok(credentials) => credentials,
            Err(refused) => {
                let end = End::Refused(format!("CONNECT refused ({}): {}", refused.code as u8, refused.why));
                return refuse(wire, refused.code, end).await;
            }
        };
        let Credentials { id_scope, registration_id, sas } = credentials;
        let device = match self.service.authenticate(&id_scope, &registration_id, sas.as_deref()) {
            Ok(device) => device,
            // The service has logged the reason.
            Err(_) => return refuse(wire, ConnectReturnCode::NotAuthorized, End::Disconnect).await,
        };
        proof.give();
        name.push_str(&format!(" ({registration_id})"));
        let mut hold = self.clients.take(&registration_id);
        // Never "session present": the .NET SDK fails on it.
        let accepted = ConnAck::new(ConnectReturnCode::Success, false);
        if let Err(silence) = wire.send(|buffer| accepted.write(buffer)).await {
            return silence.into();
        }
        let session = Session {
            wire,
            device,
            name: name.clone(),
            service: &self.service,
            journal: &self.journal,
            answer_delay: self.options.answer_delay,
            packet_limit: self.options.body_limit + BESIDE_THE_BODY,
            silence: (connect.keep_alive > 0)
                .then(|| Duration::from_millis(1500 * u64::from(connect.keep_alive))),
            granted: None,
            waiting: VecDeque::new(),
            packet_id: 0,
        };
        tokio::select! {
            () = hold.lost() => End::Refused("a newer connection has the same client id".to_owned()),
            end = session.run() => end,
        }
    }

    /// The CONNECT, which must come first and soon.
    async fn connect(&self, wire: &mut Wire) -> Result<Connect, End> {
        let deadline = Instant::now() + self.options.timeout;
        let first = tokio::select! {
            first = wire.receive(CONNECT_LIMIT, None) => first,
            () = wire::at(Some(deadline)) => {
                return Err(End::Refused(format!("no CONNECT within {} s", self.options.timeout.as_secs_f32())));
            }
        };
        match first {
            Ok(Packet::Connect(connect)) => Ok(connect),
            Ok(other) => Err(End::Refused(format!("a {} before the CONNECT", packet::name(&other)))),
            Err(Silence::Malformed(Malformed::Version(why))) => {
                let end = End::Refused(format!("CONNECT refused (1): {why}"));
                Err(refuse(wire, ConnectReturnCode::RefusedProtocolVersion, end).await)
            }
            Err(silence) => Err(silence.into()),
        }
    }
}

impl Protocol for Mqtt {
    const NAME: &'static str = "MQTT";

    async fn serve(&self, connection: Connection, mut stop: Stop) {
        let mut wire = Wire::new(connection.stream, self.options.timeout);
        let mut name = format!("MQTT {}", connection.peer);
        let end = tokio::select! {
            () = stop.requested() => End::Disconnect,
            end = self.talk(&mut wire, &mut name, &connection.proof) => end,
        };
        if let Some(why) = end.why() {
            self.journal.warn(format!("{name}: {why}; connection closed"));
        }
        wire.close().await;
    }
}

/// Tells the device that it is refused, and returns `end`.
async fn refuse(wire: &mut Wire, code: ConnectReturnCode, end: End) -> End {
    let refused = ConnAck::new(code, false);
    // If that fails, the device has disconnected, and the reason for the refusal is still the one to log.
    let _ = wire.send(|buffer| refused.write(buffer)).await;
    end
}
