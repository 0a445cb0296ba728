//! MQTT 3.1.1 packets from a device, read strictly.
//!
//! The codec parses the bytes; what it accepts although the standard calls it malformed is refused here.
//! Rules: <http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>, sections 2.2.2 (flags),
//! 2.3.1 (packet ids), 3.1 (CONNECT), 3.3 (PUBLISH), 3.8 (SUBSCRIBE), 3.10 (UNSUBSCRIBE).

use std::fmt;

use bytes::BytesMut;
use mqttbytes::v4::{Connect, Packet};

/// Why bytes are not a packet that a device may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A CONNECT of another protocol or version: to be answered with return code 1.
    Version(String),
    /// Anything else: to be answered by closing the connection.
    Other(String),
}

// === impl Malformed ===

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(what) => write!(f, "a CONNECT of {what}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// Takes the next packet off the front of `buffer`, which grows by what the device sends. `None` if more bytes
/// are needed.
///
/// # Errors
///
/// [`Malformed`] as soon as the bytes that are there cannot become a packet of at most `limit` bytes.
pub(crate) fn next(buffer: &mut BytesMut, limit: usize) -> Result<Option<Packet>, Malformed> {
    let Some(&first) = buffer.first() else { return Ok(None) };
    check_type(first)?;
    let frame = match mqttbytes::check(buffer.iter(), limit) {
        Ok(header) => buffer[..header.frame_length()].to_vec(),
        Err(mqttbytes::Error::InsufficientBytes(_)) => return Ok(None),
        Err(mqttbytes::Error::PayloadSizeLimitExceeded(length)) => {
            return Err(malformed(format!("a packet of {length} bytes; at most {limit} are allowed")));
        }
        Err(error) => return Err(malformed(words(error))),
    };
    let body = body(&frame);
    match first >> 4 {
        1 => check_version(body)?,
        12 | 14 if !body.is_empty() => {
            return Err(malformed("a PINGREQ or DISCONNECT that is not empty"));
        }
        _ => {}
    }
    let length = body.len();
    let packet = mqttbytes::v4::read(buffer, limit).map_err(|error| malformed(words(error)))?;
    check(&packet, length, &frame)?;
    Ok(Some(packet))
}

/// What `packet` is called in the standard.
pub(crate) fn name(packet: &Packet) -> &'static str {
    match packet {
        Packet::Connect(_) => "CONNECT",
        Packet::ConnAck(_) => "CONNACK",
        Packet::Publish(_) => "PUBLISH",
        Packet::PubAck(_) => "PUBACK",
        Packet::PubRec(_) => "PUBREC",
        Packet::PubRel(_) => "PUBREL",
        Packet::PubComp(_) => "PUBCOMP",
        Packet::Subscribe(_) => "SUBSCRIBE",
        Packet::SubAck(_) => "SUBACK",
        Packet::Unsubscribe(_) => "UNSUBSCRIBE",
        Packet::UnsubAck(_) => "UNSUBACK",
        Packet::PingReq => "PINGREQ",
        Packet::PingResp => "PINGRESP",
        Packet::Disconnect => "DISCONNECT",
    }
}

/// The type and flags in the first byte, before the rest is read.
fn check_type(first: u8) -> Result<(), Malformed> {
    match (first >> 4, first & 0x0f) {
        // CONNECT, PUBACK, PINGREQ, DISCONNECT; SUBSCRIBE, UNSUBSCRIBE; PUBLISH, whose flags the codec reads.
        (1 | 4 | 12 | 14, 0) | (8 | 10, 2) | (3, _) => Ok(()),
        (1 | 4 | 12 | 14 | 8 | 10, flags) => {
            Err(malformed(format!("a packet of type {} with the flags {flags:#06b}", first >> 4)))
        }
        _ => Err(malformed(format!("a first byte of {first:#04x}, which devices may not send"))),
    }
}

/// What follows the fixed header of a whole packet.
fn body(frame: &[u8]) -> &[u8] {
    let length = frame.iter().skip(1).take_while(|&byte| byte & 0x80 != 0).count() + 1;
    frame.get(1 + length..).unwrap_or_default()
}

/// The protocol name, version and flags of a CONNECT.
fn check_version(body: &[u8]) -> Result<(), Malformed> {
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', 4, flags, ..] => match flags {
            _ if flags & 0x01 != 0 => Err(malformed("a CONNECT with the reserved flag set")),
            _ if flags & 0xc0 == 0x40 => Err(malformed("a CONNECT with a password and no username")),
            _ => Ok(()),
        },
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] => {
            Err(Malformed::Version(format!("protocol level {level}, expected 4 (MQTT 3.1.1)")))
        }
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..] => {
            Err(Malformed::Version("MQTT 3.1, expected 3.1.1".to_owned()))
        }
        _ => Err(malformed("a CONNECT with a protocol other than MQTT")),
    }
}

/// What the codec does not check.
fn check(packet: &Packet, length: usize, frame: &[u8]) -> Result<(), Malformed> {
    match packet {
        Packet::Connect(connect) => {
            if length != connect_length(connect, body(frame).get(7).copied().unwrap_or_default()) {
                return Err(malformed("a CONNECT with extra bytes at its end"));
            }
            check_text("client id", &connect.client_id)?;
            let login = connect.login.as_ref();
            check_text("username", login.map_or("", |login| &login.username))
        }
        Packet::Publish(publish) => {
            check_text("topic", &publish.topic)?;
            match publish.topic.contains(['+', '#']) || publish.topic.is_empty() {
                true => Err(malformed("a PUBLISH to a topic that is empty or has wildcards")),
                false => Ok(()),
            }
        }
        Packet::PubAck(_) if length != 2 => Err(malformed("a PUBACK whose length is not 2")),
        Packet::Subscribe(subscribe) => {
            check_filters("SUBSCRIBE", subscribe.pkid, subscribe.filters.iter().map(|filter| &*filter.path))
        }
        Packet::Unsubscribe(unsubscribe) => {
            check_filters("UNSUBSCRIBE", unsubscribe.pkid, unsubscribe.topics.iter().map(String::as_str))
        }
        _ => Ok(()),
    }
}

/// How long a CONNECT with these contents is after its fixed header.
fn connect_length(connect: &Connect, flags: u8) -> usize {
    let login = connect.login.as_ref();
    let will = connect.last_will.as_ref().map_or(0, |will| 4 + will.topic.len() + will.message.len());
    let username = login.map_or(0, |login| login.username.len()) + if flags & 0x80 != 0 { 2 } else { 0 };
    let password = login.map_or(0, |login| login.password.len()) + if flags & 0x40 != 0 { 2 } else { 0 };
    12 + connect.client_id.len() + will + username + password
}

/// A packet id that is not 0, and at least one topic filter.
fn check_filters<'a>(
    name: &str,
    id: u16,
    filters: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), Malformed> {
    if id == 0 || filters.len() == 0 {
        return Err(malformed(format!("a {name} without a packet id or without a topic filter")));
    }
    for filter in filters {
        check_text("topic filter", filter)?;
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<(), Malformed> {
    match text.contains('\0') {
        true => Err(malformed(format!("a {what} with the character U+0000"))),
        false => Ok(()),
    }
}

/// What the codec found, in the words of the standard.
fn words(error: mqttbytes::Error) -> String {
    match error {
        mqttbytes::Error::MalformedRemainingLength => "a packet length of more than four bytes".to_owned(),
        mqttbytes::Error::BoundaryCrossed(length) => {
            format!("a field of {length} bytes, which is more than is left of its packet")
        }
        mqttbytes::Error::MalformedPacket => "a packet that ends early".to_owned(),
        mqttbytes::Error::PayloadRequired => "a packet without its payload".to_owned(),
        mqttbytes::Error::TopicNotUtf8 => "a string that is not valid UTF-8".to_owned(),
        mqttbytes::Error::InvalidQoS(qos) => format!("a quality of service of {qos}"),
        mqttbytes::Error::PacketIdZero => "a packet id of 0".to_owned(),
        other => format!("{other:?}"),
    }
}

fn malformed(what: impl Into<String>) -> Malformed {
    Malformed::Other(what.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1000;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let first = prop_oneof![
            Just(0x10),
            Just(0x30),
            Just(0x32),
            Just(0x82),
            Just(0xa2),
            Just(0x40),
            Just(0xc0),
            any::<u8>()
        ];
        let connect = Just(b"\0\x04MQTT\x04\xc2\0\0".to_vec());
        let body = (prop_oneof![connect, Just(Vec::new())], prop::collection::vec(any::<u8>(), 0..90));
        let packet = (first, body).prop_map(|(first, (head, tail))| {
            let body = [head, tail].concat();
            [vec![first, u8::try_from(body.len()).unwrap_or_default()], body].concat()
        });
        prop::collection::vec(prop_oneof![packet, prop::collection::vec(any::<u8>(), 0..20)], 1..5)
            .prop_map(|packets| packets.concat())
    }

    /// All packets of `stream`, which comes in pieces of `piece` bytes, and what ends them.
    fn read(stream: &[u8], piece: usize) -> (Vec<Packet>, Option<Malformed>) {
        let mut buffer = BytesMut::new();
        let mut packets = Vec::new();
        for bytes in stream.chunks(piece) {
            buffer.extend_from_slice(bytes);
            loop {
                match next(&mut buffer, LIMIT) {
                    Ok(Some(packet)) => packets.push(packet),
                    Ok(None) => break,
                    Err(malformed) => return (packets, Some(malformed)),
                }
            }
        }
        (packets, None)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn any_bytes_are_read_alike_in_any_pieces(stream in bytes(), piece in 1_usize..40) {
            prop_assert_eq!(read(&stream, piece), read(&stream, stream.len().max(1)));
        }
    }

    #[test]
    fn a_packet_at_the_limit_is_read_and_one_above_it_is_not_waited_for() {
        let head = |length: usize| {
            let length = [u8::try_from(length % 128).unwrap() | 0x80, u8::try_from(length / 128).unwrap()];
            [&[0x30][..], &length, &[0, 1, b't']].concat()
        };
        let (packets, malformed) = read(&[head(LIMIT), vec![b'x'; LIMIT - 3]].concat(), 7);
        assert_eq!((packets.len(), malformed), (1, None));
        let (_, malformed) = read(&head(LIMIT + 1), 1);
        assert_eq!(malformed.unwrap().to_string(), "a packet of 1001 bytes; at most 1000 are allowed");
    }
}
