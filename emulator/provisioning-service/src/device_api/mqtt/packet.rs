//! MQTT 3.1.1 packets from a device.
//!
//! The codec parses the bytes; what it accepts although the standard calls it malformed is refused here.
//! Rules: <http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>, sections 2.2.2 (flags),
//! 2.3.1 (packet ids), 3.1 (CONNECT), 3.3 (PUBLISH).

use mqtt_protocol_core::mqtt::connection::{PacketData, RawPacket};
use mqtt_protocol_core::mqtt::packet::v3_1_1::{Connect, Publish, Subscribe, Unsubscribe};

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

/// Why no packet is read from a device, or sent to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// It disconnected.
    Disconnected,
    /// It sent a CONNECT of another version of MQTT, to be answered with return code 1: which one.
    Version(String),
    /// It sent something that is not a packet, was too slow, or the connection broke: what was expected, or found.
    Failed(String),
}

// === impl Packet ===

impl Packet {
    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: it is not one that devices send, or breaks a rule of the standard.
    pub(crate) fn parse(raw: &RawPacket) -> Result<Self, ReadError> {
        let body = raw.data_as_slice();
        let (packet, id) = match (raw.packet_type(), raw.flags(), &raw.data) {
            (1, 0, _) => {
                check_protocol(body)?;
                (Self::Connect(raw.parse_exact(Connect::parse).map_err(invalid)?), None)
            }
            (3, flags, PacketData::Publish(body)) => {
                let (publish, _) = Publish::parse(flags, body.clone()).map_err(invalid)?;
                let topic = publish.topic_name();
                if topic.is_empty() || topic.contains(['+', '#', '\0']) {
                    return Err(invalid("the topic is empty, or has +, # or U+0000 in it"));
                }
                let id = publish.packet_id();
                (Self::Publish(publish), id)
            }
            (4, 0, _) if body.len() == 2 => (Self::Puback, None),
            (8, 2, _) => {
                let subscribe = raw.parse_exact(Subscribe::parse).map_err(invalid)?;
                let id = subscribe.packet_id();
                (Self::Subscribe(subscribe), Some(id))
            }
            (10, 2, _) => {
                let unsubscribe = raw.parse_exact(Unsubscribe::parse).map_err(invalid)?;
                let id = unsubscribe.packet_id();
                (Self::Unsubscribe(unsubscribe), Some(id))
            }
            (12, 0, _) if body.is_empty() => (Self::Pingreq, None),
            (14, 0, _) if body.is_empty() => (Self::Disconnect, None),
            (packet_type, flags, _) => {
                return Err(ReadError::Failed(format!(
                    "expected a packet that devices send, found type {packet_type} with the flags {flags:#06b} and \
                     {} bytes",
                    body.len()
                )));
            }
        };
        if id == Some(0) { Err(invalid("the packet id is 0")) } else { Ok(packet) }
    }
}

/// The protocol, the version and the reserved flag of a CONNECT.
fn check_protocol(body: &[u8]) -> Result<(), ReadError> {
    let found = match body {
        [0, 4, b'M', b'Q', b'T', b'T', 4, flags, ..] if flags & 1 == 0 => return Ok(()),
        [0, 4, b'M', b'Q', b'T', b'T', 4, ..] => {
            return Err(invalid("the reserved flag of a CONNECT is set"));
        }
        [0, 4, b'M', b'Q', b'T', b'T', 5, ..] => "MQTT 5".to_owned(),
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] => format!("protocol level {level}"),
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..] => "MQTT 3.1".to_owned(),
        _ => return Err(invalid("expected a CONNECT with the protocol name MQTT")),
    };
    Err(ReadError::Version(format!("expected MQTT 3.1.1 (protocol level 4), found {found}")))
}

fn invalid(why: impl std::fmt::Display) -> ReadError {
    ReadError::Failed(format!("invalid packet: {why}"))
}
