//! MQTT packets written and read by hand, so that the tests and the stand-in cannot share a mistake.

use serde_json::Value;

use super::server::{Device, SCOPE, token};

/// What devices subscribe to.
pub(crate) const ANSWERS: &str = "$dps/registrations/res/#";

/// CONNACK: accepted, no session present.
pub(crate) const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

/// An answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The first byte of the packet: type, duplicate, quality of service, retain.
    pub(crate) first: u8,
    pub(crate) topic: String,
    /// The packet id, of answers at QoS 1.
    pub(crate) id: Option<u16>,
    pub(crate) body: Value,
}

/// A packet: its first byte, the length of `body`, `body`.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let more = if length > 127 { 0x80 } else { 0 };
        packet.push(u8::try_from(length & 0x7f).unwrap() | more);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// A text with its length before it.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

pub(crate) fn connect(
    flags: u8,
    keep_alive: u16,
    client_id: &str,
    username: &str,
    password: &str,
) -> Vec<u8> {
    let head = [&text("MQTT")[..], &[4, flags], &keep_alive.to_be_bytes()].concat();
    packet(0x10, &[head, text(client_id), text(username), text(password)].concat())
}

/// A CONNECT of a device of the group, in the manner of the Node SDK.
pub(crate) fn good_connect(registration_id: &str) -> Vec<u8> {
    connect(0xc2, 0, registration_id, &username(registration_id), &token(registration_id))
}

pub(crate) fn username(registration_id: &str) -> String {
    format!("{SCOPE}/registrations/{registration_id}/api-version=2019-03-31&ClientVersion=test%2F1")
}

pub(crate) fn subscribe(id: u16, filter: &str, qos: u8) -> Vec<u8> {
    packet(0x82, &[&id.to_be_bytes()[..], &text(filter), &[qos]].concat())
}

pub(crate) fn unsubscribe(id: u16, filter: &str) -> Vec<u8> {
    packet(0xa2, &[&id.to_be_bytes()[..], &text(filter)].concat())
}

/// At QoS 0.
pub(crate) fn publish(topic: &str, body: &[u8]) -> Vec<u8> {
    packet(0x30, &[&text(topic)[..], body].concat())
}

/// At QoS 1.
pub(crate) fn publish_1(id: u16, topic: &str, body: &[u8]) -> Vec<u8> {
    packet(0x32, &[&text(topic)[..], &id.to_be_bytes(), body].concat())
}

/// PUBACK, or SUBACK and UNSUBACK without what follows the packet id.
pub(crate) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

pub(crate) fn register_topic(rid: &str) -> String {
    format!("$dps/registrations/PUT/iotdps-register/?$rid={rid}")
}

pub(crate) fn status_topic(rid: &str, operation_id: &str) -> String {
    format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid={rid}&operationId={operation_id}")
}

impl Device {
    /// Connects and subscribes.
    pub(crate) async fn enter(&mut self, registration_id: &str) {
        self.send(&good_connect(registration_id)).await;
        self.expect(&ACCEPTED).await;
        self.send(&subscribe(1, ANSWERS, 1)).await;
        self.expect(&[0x90, 3, 0, 1, 1]).await;
    }

    /// Reads one whole packet: its first byte and what follows its length.
    pub(crate) async fn packet(&mut self) -> (u8, Vec<u8>) {
        let first = self.read(1).await[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.read(1).await[0];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        (first, self.read(length).await)
    }

    /// Reads an answer, and acknowledges it if that is required.
    pub(crate) async fn answer(&mut self) -> Answer {
        let (first, packet) = self.packet().await;
        assert_eq!(first & 0xf0, 0x30, "a PUBLISH should come: {first:#04x} {packet:?}");
        let length = usize::from(u16::from_be_bytes([packet[0], packet[1]]));
        let topic = String::from_utf8(packet[2..2 + length].to_vec()).unwrap();
        let mut body = &packet[2 + length..];
        let mut id = None;
        if first & 0x06 != 0 {
            id = Some(u16::from_be_bytes([body[0], body[1]]));
            body = &body[2..];
        }
        let body = serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)));
        if let Some(id) = id {
            self.send(&puback(id)).await;
        }
        Answer { first, topic, id, body }
    }

    /// Registers at QoS 0 with request id `rid`, and reads the answer.
    pub(crate) async fn register(&mut self, rid: &str, body: &str) -> Answer {
        self.send(&publish(&register_topic(rid), body.as_bytes())).await;
        self.answer().await
    }

    /// Asks how `operation_id` stands until that is settled.
    pub(crate) async fn settle(&mut self, operation_id: &str) -> Answer {
        let deadline = tokio::time::Instant::now() + super::server::DEADLINE;
        loop {
            self.send(&publish(&status_topic("s", operation_id), b" ")).await;
            let answer = self.answer().await;
            if answer.body["status"] != "assigning" {
                return answer;
            }
            assert!(tokio::time::Instant::now() < deadline, "still assigning: {answer:?}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
