//! A device that is connected: its requests, and when it gets its answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mqttbytes::QoS;
use mqttbytes::v4::{
    Packet, PingResp, PubAck, Publish, SubAck, Subscribe, SubscribeReasonCode, UnsubAck, Unsubscribe,
};
use tokio::time::Instant;

use super::packet;
use super::topic::{self, Operation, Request};
use super::wire::{Silence, Wire, at};
use crate::refusals::{Refusals, quoted};
use crate::{Answer, Device, Service};

/// How many answers may wait to be sent; a device that asks more often is not read from meanwhile.
const WAITING: usize = 16;

/// One device's session.
pub(super) struct Session<'a> {
    /// Its connection.
    pub(super) wire: &'a mut Wire,
    /// Who it is.
    pub(super) device: Device,
    /// What the log calls it.
    pub(super) name: String,
    /// The service that answers its requests.
    pub(super) service: &'a Arc<Service>,
    /// Where refusals are logged.
    pub(super) refusals: &'a Refusals,
    /// How long an answer waits after its request.
    pub(super) answer_delay: Duration,
    /// How many bytes a packet may have.
    pub(super) packet_limit: usize,
    /// How long the device may be silent: one and a half times its keep-alive.
    pub(super) silence: Option<Duration>,
    /// The quality of service its subscription was granted.
    pub(super) granted: Option<QoS>,
    /// Answers that wait to be sent, the next one first.
    pub(super) waiting: VecDeque<Waiting>,
    /// The packet id of the last answer.
    pub(super) packet_id: u16,
}

/// An answer and when it is due.
pub(super) struct Waiting {
    due: Instant,
    request: Request,
    answer: Answer,
}

/// Why a session ends.
pub(super) enum End {
    /// The device disconnected.
    Disconnect,
    /// It fell silent.
    Silence(Silence),
    /// It broke a rule: which one.
    Refused(String),
}

// === impl Session ===

impl Session<'_> {
    /// Serves the device until the session ends.
    pub(super) async fn run(mut self) -> End {
        let mut heard = Instant::now();
        loop {
            let due = self.waiting.front().map(|waiting| waiting.due);
            let idle = self.silence.map(|silence| heard + silence);
            let listening = self.waiting.len() < WAITING;
            let done = tokio::select! {
                biased;
                () = at(due) => self.answer().await,
                packet = self.wire.receive(self.packet_limit, idle), if listening => match packet {
                    Ok(packet) => {
                        heard = Instant::now();
                        self.handle(packet).await
                    }
                    Err(silence) => Err(End::Silence(silence)),
                },
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn handle(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.publish(publish).await,
            // An answer was received. TCP delivers it, so it is not counted.
            Packet::PubAck(_) => Ok(()),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe).await,
            Packet::PingReq => Ok(self.wire.send(|buffer| PingResp.write(buffer)).await?),
            Packet::Disconnect => Err(End::Disconnect),
            other => Err(End::Refused(format!("a {} after the CONNECT", packet::name(&other)))),
        }
    }

    /// A request. PUBACK first: the .NET SDK gives up if the answer comes before.
    async fn publish(&mut self, publish: Publish) -> Result<(), End> {
        let Some(request) = Request::read(&publish.topic) else {
            return Err(End::Refused(format!("a PUBLISH to the unknown topic {}", quoted(&publish.topic))));
        };
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.wire.send(|buffer| PubAck::new(publish.pkid).write(buffer)).await?,
            QoS::ExactlyOnce => {
                return Err(End::Refused("a PUBLISH at QoS 2, expected 0 or 1".to_owned()));
            }
        }
        let answer = match &request.operation {
            Operation::Register => self.service.register(&self.device, &publish.payload),
            Operation::Status(Some(operation_id)) => {
                self.service.operation_status(&self.device, operation_id)
            }
            Operation::Status(None) => {
                self.refusals.say(format!("{}: a status request without operationId: 400", self.name));
                Answer::bad_request("The topic does not name an operation: &operationId=…")
            }
        };
        self.waiting.push_back(Waiting { due: Instant::now() + self.answer_delay, request, answer });
        Ok(())
    }

    /// Sends the first waiting answer.
    async fn answer(&mut self) -> Result<(), End> {
        let Some(Waiting { request, answer, .. }) = self.waiting.pop_front() else { return Ok(()) };
        let Some(granted) = self.granted else {
            self.refusals.say(format!(
                "{}: an answer ({}) is dropped: the device has not subscribed to {}",
                self.name,
                answer.status,
                topic::ANSWERS
            ));
            return Ok(());
        };
        let mut publish = Publish::new(request.answer_topic(&answer), granted, answer.body);
        if granted != QoS::AtMostOnce {
            self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
            publish.pkid = self.packet_id;
        }
        Ok(self.wire.send(|buffer| publish.write(buffer)).await?)
    }

    /// Grants the answers, at most at QoS 1, and nothing else.
    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        for filter in subscribe.filters {
            if filter.path != topic::ANSWERS && !topic::is_answer(&filter.path) {
                self.refusals.say(format!(
                    "{}: a SUBSCRIBE to {}, expected {}",
                    self.name,
                    quoted(&filter.path),
                    topic::ANSWERS
                ));
                codes.push(SubscribeReasonCode::Failure);
                continue;
            }
            let granted = match filter.qos {
                QoS::AtMostOnce => QoS::AtMostOnce,
                QoS::AtLeastOnce | QoS::ExactlyOnce => QoS::AtLeastOnce,
            };
            self.granted = Some(granted);
            codes.push(SubscribeReasonCode::Success(granted));
        }
        let suback = SubAck::new(subscribe.pkid, codes);
        Ok(self.wire.send(|buffer| suback.write(buffer)).await?)
    }

    async fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> Result<(), End> {
        if unsubscribe.topics.iter().any(|filter| filter == topic::ANSWERS) {
            self.granted = None;
        }
        Ok(self.wire.send(|buffer| UnsubAck::new(unsubscribe.pkid).write(buffer)).await?)
    }
}

// === impl End ===

impl End {
    /// What the log says of it: nothing when the device disconnects by itself.
    pub(super) fn why(self) -> Option<String> {
        match self {
            Self::Disconnect | Self::Silence(Silence::Gone) => None,
            Self::Silence(Silence::Malformed(what)) => Some(format!("malformed: {what}")),
            Self::Silence(Silence::Lost(why)) | Self::Refused(why) => Some(why),
        }
    }
}

impl From<Silence> for End {
    fn from(silence: Silence) -> Self {
        Self::Silence(silence)
    }
}
