//! MQTT 3.1.1 packets from a device.
//!
//! The codec parses the bytes; what it accepts although the standard calls it malformed is refused here.
//! Rules: <http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>, sections 2.2.2 (flags),
//! 2.3.1 (packet ids), 3.1 (CONNECT), 3.3 (PUBLISH).

use mqtt_protocol_core::mqtt::connection::{PacketData, RawPacket};
use mqtt_protocol_core::mqtt::packet::v3_1_1::{Connect, Publish, Subscribe, Unsubscribe};
use mqtt_protocol_core::mqtt::result_code::MqttError;

/// A packet that a device may send.
pub(crate) enum Packet {
    Connect(Connect),
    Publish(Publish),
    Puback,
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    Pingreq,
    Disconnect,
}

/// Why bytes are not a packet that a device may send: what was expected, or found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PacketError {
    /// A CONNECT of another version: to be answered with return code 1.
    Version(String),
    /// Anything else: the connection is closed.
    Malformed(String),
}

// === impl Packet ===

impl Packet {
    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// [`PacketError`]
    pub(crate) fn parse(raw: &RawPacket) -> Result<Self, PacketError> {
        let body = raw.data_as_slice();
        let malformed = |name: &'static str| {
            move |error: MqttError| PacketError::Malformed(format!("invalid {name} packet: {error}"))
        };
        match (raw.packet_type(), raw.flags(), &raw.data) {
            (1, 0, _) => {
                check_connect(body)?;
                raw.parse_exact(Connect::parse).map(Self::Connect).map_err(malformed("CONNECT"))
            }
            (3, flags, PacketData::Publish(body)) => {
                let (publish, _) = Publish::parse(flags, body.clone()).map_err(malformed("PUBLISH"))?;
                check_publish(&publish)?;
                Ok(Self::Publish(publish))
            }
            (4, 0, _) if body.len() == 2 => Ok(Self::Puback),
            (8, 2, _) => {
                let subscribe = raw.parse_exact(Subscribe::parse).map_err(malformed("SUBSCRIBE"))?;
                check_id("SUBSCRIBE", subscribe.packet_id()).map(|()| Self::Subscribe(subscribe))
            }
            (10, 2, _) => {
                let unsubscribe = raw.parse_exact(Unsubscribe::parse).map_err(malformed("UNSUBSCRIBE"))?;
                check_id("UNSUBSCRIBE", unsubscribe.packet_id()).map(|()| Self::Unsubscribe(unsubscribe))
            }
            (12, 0, _) if body.is_empty() => Ok(Self::Pingreq),
            (14, 0, _) if body.is_empty() => Ok(Self::Disconnect),
            (packet_type, flags, _) => Err(PacketError::Malformed(format!(
                "expected a packet that devices send, found type {packet_type} with the flags {flags:#06b} and {} \
                 bytes",
                body.len()
            ))),
        }
    }

    /// What it is called in the standard.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "CONNECT",
            Self::Publish(_) => "PUBLISH",
            Self::Puback => "PUBACK",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::Pingreq => "PINGREQ",
            Self::Disconnect => "DISCONNECT",
        }
    }
}

/// The protocol, the version and the reserved flag of a CONNECT.
fn check_connect(body: &[u8]) -> Result<(), PacketError> {
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', 4, flags, ..] if flags & 1 == 0 => Ok(()),
        [0, 4, b'M', b'Q', b'T', b'T', 4, ..] => {
            Err(PacketError::Malformed("invalid CONNECT packet: the reserved flag is set".to_owned()))
        }
        [0, 4, b'M', b'Q', b'T', b'T', 5, ..] => Err(PacketError::Version(
            "MQTT 5 is not supported; expected MQTT 3.1.1 (protocol level 4)".to_owned(),
        )),
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] => {
            Err(PacketError::Version(format!("expected MQTT 3.1.1 (protocol level 4), found level {level}")))
        }
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..] => {
            Err(PacketError::Version("MQTT 3.1 is not supported; expected MQTT 3.1.1".to_owned()))
        }
        _ => {
            Err(PacketError::Malformed("invalid CONNECT packet: expected the protocol name MQTT".to_owned()))
        }
    }
}

/// The topic and the packet id of a PUBLISH.
fn check_publish(publish: &Publish) -> Result<(), PacketError> {
    if publish.topic_name().is_empty() || publish.topic_name().contains(['+', '#', '\0']) {
        let why = "invalid PUBLISH packet: the topic is empty, or has + or # or U+0000 in it";
        return Err(PacketError::Malformed(why.to_owned()));
    }
    check_id("PUBLISH", publish.packet_id().unwrap_or(1))
}

fn check_id(name: &str, id: u16) -> Result<(), PacketError> {
    match id {
        0 => Err(PacketError::Malformed(format!("invalid {name} packet: the packet id is 0"))),
        _ => Ok(()),
    }
}
