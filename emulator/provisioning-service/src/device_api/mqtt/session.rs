//! A device that is connected: its subscriptions, its requests, and their answers.

use std::sync::Arc;
use std::time::Duration;

use mqtt_protocol_core::mqtt::packet::Qos;
use mqtt_protocol_core::mqtt::packet::v3_1_1::{
    Pingresp, Puback, Publish, Suback, Subscribe, Unsuback, Unsubscribe,
};
use mqtt_protocol_core::mqtt::result_code::SubackReturnCode;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::device_api::mqtt::filter::{is_for_answers, matches};
use crate::device_api::mqtt::packet::{Packet, ReadError};
use crate::device_api::mqtt::stream::PacketStream;
use crate::device_api::mqtt::topic::{ANSWERS, Operation, Request};
use crate::quoted::quoted;
use crate::service::{Device, Service};
use journal::Journal;

/// How many filters a device may subscribe to.
const SUBSCRIPTIONS: usize = 32;

/// One device's session.
pub(crate) struct Session<'a> {
    /// Its connection.
    pub(crate) stream: &'a mut PacketStream,
    /// Who it is.
    pub(crate) device: Device,
    /// What the log calls it.
    pub(crate) name: &'a str,
    /// The service that answers its requests.
    pub(crate) service: &'a Arc<Service>,
    /// Where it logs.
    pub(crate) journal: &'a Journal,
    /// How long an answer waits after its request.
    pub(crate) answer_delay: Duration,
    /// How long the device may send nothing.
    pub(crate) idle: Duration,
    /// The filters it subscribed to, each with the quality of service that was granted.
    pub(crate) subscriptions: Vec<(String, Qos)>,
    /// The packet id of the last answer.
    pub(crate) packet_id: u16,
}

// === impl Session ===

impl Session<'_> {
    /// Serves the device until the session ends: why it does.
    pub(crate) async fn run(mut self) -> ReadError {
        loop {
            let served = match self.stream.receive(self.idle).await {
                Ok(packet) => self.handle(packet).await,
                Err(error) => Err(error),
            };
            if let Err(end) = served {
                return end;
            }
        }
    }

    async fn handle(&mut self, packet: Packet) -> Result<(), ReadError> {
        match packet {
            Packet::Publish(publish) => self.publish(&publish).await,
            // An answer was received. TCP delivers it, so it is not counted.
            Packet::Puback => Ok(()),
            Packet::Subscribe(subscribe) => self.subscribe(&subscribe).await,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(&unsubscribe).await,
            Packet::Pingreq => self.stream.send(Pingresp::builder().build()).await,
            Packet::Disconnect => Err(ReadError::Disconnected),
            Packet::Connect(_) => Err(failed("a CONNECT after the CONNECT")),
        }
    }

    /// Answers a request. PUBACK first: the .NET SDK gives up if the answer comes before.
    async fn publish(&mut self, publish: &Publish) -> Result<(), ReadError> {
        let topic = publish.topic_name();
        let Some(request) = Request::read(topic) else {
            return Err(failed(format!("a PUBLISH to the unknown topic {}", quoted(topic))));
        };
        match (publish.qos(), publish.packet_id()) {
            (Qos::ExactlyOnce, _) => return Err(failed("a PUBLISH at QoS 2, expected 0 or 1")),
            (Qos::AtLeastOnce, Some(id)) => {
                self.stream.send(Puback::builder().packet_id(id).build()).await?;
            }
            _ => {}
        }
        let body = publish.payload().as_slice();
        let answer = match &request.operation {
            Operation::Register => self.service.register(&self.device, body),
            Operation::Status(Some(operation_id)) => {
                self.service.operation_status(&self.device, operation_id)
            }
            Operation::Status(None) => {
                self.journal.warn(format!("{}: a status request without operationId: 400", self.name));
                Answer::bad_request("The topic does not name an operation: &operationId=…")
            }
        };
        sleep(self.answer_delay).await;
        self.answer(&request, answer).await
    }

    /// Sends `answer` at the highest quality of service that a matching subscription was granted
    /// (MQTT-3.3.5-1).
    async fn answer(&mut self, request: &Request, answer: Answer) -> Result<(), ReadError> {
        let topic = request.answer_topic(&answer);
        let matching = self.subscriptions.iter().filter(|(filter, _)| matches(filter, &topic));
        let Some(qos) = matching.map(|(_, qos)| *qos).max() else {
            self.journal.warn(format!(
                "{}: the answer to {} is dropped: the device has not subscribed to {ANSWERS}",
                self.name,
                quoted(&topic)
            ));
            return Ok(());
        };
        let packet_id = (qos != Qos::AtMostOnce).then(|| {
            self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
            self.packet_id
        });
        let publish = Publish::builder()
            .topic_name(topic)
            .map(|builder| builder.qos(qos).packet_id(packet_id).payload(answer.body.into_bytes()));
        self.stream.send(publish.and_then(|builder| builder.build())).await
    }

    /// Grants filters for answers, at most at QoS 1, and nothing else.
    async fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), ReadError> {
        let mut codes = Vec::with_capacity(subscribe.entries().len());
        for entry in subscribe.entries() {
            let filter = entry.topic_filter();
            self.subscriptions.retain(|(other, _)| other != filter);
            if !is_for_answers(filter) || self.subscriptions.len() == SUBSCRIPTIONS {
                self.journal.warn(format!(
                    "{}: a SUBSCRIBE to {}, expected {ANSWERS}",
                    self.name,
                    quoted(filter)
                ));
                codes.push(SubackReturnCode::Failure);
                continue;
            }
            let (granted, code) = match entry.sub_opts().qos() {
                Qos::AtMostOnce => (Qos::AtMostOnce, SubackReturnCode::SuccessMaximumQos0),
                Qos::AtLeastOnce | Qos::ExactlyOnce => {
                    (Qos::AtLeastOnce, SubackReturnCode::SuccessMaximumQos1)
                }
            };
            self.subscriptions.push((filter.to_owned(), granted));
            codes.push(code);
        }
        let suback = Suback::builder().packet_id(subscribe.packet_id()).return_codes(codes);
        self.stream.send(suback.build()).await
    }

    async fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) -> Result<(), ReadError> {
        self.subscriptions
            .retain(|(filter, _)| unsubscribe.entries().iter().all(|entry| entry.as_str() != filter));
        self.stream.send(Unsuback::builder().packet_id(unsubscribe.packet_id()).build()).await
    }
}

fn failed(why: impl Into<String>) -> ReadError {
    ReadError::Failed(why.into())
}
