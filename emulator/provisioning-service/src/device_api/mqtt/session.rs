//! A device that is connected: its authentication, its subscriptions, its requests, and their answers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::time::Duration;

use mqtt_protocol_core::mqtt::connection::{PacketData, RawPacket};
use mqtt_protocol_core::mqtt::packet::Qos;
use mqtt_protocol_core::mqtt::packet::v3_1_1::{
    Connack, Pingresp, Puback, Publish, Suback, Subscribe, Unsuback, Unsubscribe,
};
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, MqttError, SubackReturnCode};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::answer::Answer;
use crate::device_api::DeviceApi;
use crate::device_api::mqtt::connect;
use crate::device_api::mqtt::stream::{End, PacketStream, failed, invalid, unexpected};
use crate::device_api::mqtt::topic::{ANSWERS, Request, answer_topic, is_for_answers, matches, request};
use crate::device_api::tls::Stream;
use crate::quoted::quoted;
use crate::registration_id::fold;
use crate::service::Device;

/// How long a device without a keep-alive may send nothing: ten years.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How many filters a device may subscribe to.
const SUBSCRIPTIONS: usize = 32;

/// How many answers may wait to be sent; while they do, nothing more is read.
const WAITING: usize = 16;

/// One device's session.
struct Session<'a> {
    api: &'a DeviceApi,
    stream: &'a mut PacketStream,
    device: Device,
    /// What the log calls it.
    name: &'a str,
    /// The filters it subscribed to, each with the quality of service that was granted.
    subscriptions: Vec<(String, Qos)>,
    /// The answers that are to be sent: when, to which topic, and what.
    answers: VecDeque<(Instant, String, String)>,
    /// The packet id of the last answer.
    packet_id: u16,
}

/// Serves one connection to its end.
pub(crate) async fn serve(api: &DeviceApi, stream: Stream, peer: SocketAddr) {
    let mut stream = PacketStream::new(stream, api.timeout);
    let mut name = format!("MQTT {peer}");
    let why = match talk(api, &mut stream, &mut name).await {
        Ok(()) | Err(End::Disconnected) => None,
        Err(End::Failed(why)) => Some(why),
        Err(End::Refused(code, why)) => {
            // If that fails, the device has disconnected, and the reason for the refusal is still the one to log.
            let _ = stream.send(connack(code)).await;
            (!why.is_empty()).then(|| format!("CONNECT refused ({}): {why}", code as u8))
        }
    };
    if let Some(why) = why {
        api.journal.warn(format!("{name}: {why}; connection closed"));
    }
    stream.close().await;
}

/// Authenticates the device and serves it: why the connection ends. `name` is its name in the log, to which
/// the registration id is added.
async fn talk(api: &DeviceApi, stream: &mut PacketStream, name: &mut String) -> Result<(), End> {
    let connect = connect::parse(&stream.receive(Instant::now() + api.timeout).await?)?;
    let (id_scope, registration_id) = connect::ids(&connect)?;
    let sas = connect.password().filter(|password| !password.is_empty()).map(String::from_utf8_lossy);
    // If that fails, the service has logged the reason.
    let device = api
        .service
        .authenticate(id_scope, registration_id, sas.as_deref())
        .map_err(|_| End::Refused(ConnectReturnCode::NotAuthorized, String::new()))?;
    name.push_str(&format!(" ({registration_id})"));
    let idle = match connect.keep_alive() {
        0 => FOREVER,
        seconds => Duration::from_millis(1500 * u64::from(seconds)),
    };

    // A newer connection closes an older one with the same client id (MQTT-3.1.4-2).
    let clients = || api.clients.lock().unwrap_or_else(PoisonError::into_inner);
    let (client_id, (closer, closed)) = (fold(registration_id), oneshot::channel());
    clients().insert(client_id.clone(), closer);
    let served = async {
        stream.send(connack(ConnectReturnCode::Accepted)).await?;
        let (subscriptions, answers) = (Vec::new(), VecDeque::new());
        Session { api, stream, device, name, subscriptions, answers, packet_id: 0 }.run(idle).await
    };
    let end = tokio::select! {
        _ = closed => Err(failed("a newer connection has the same client id")),
        end = served => end,
    };
    let mut clients = clients();
    if clients.get(&client_id).is_some_and(oneshot::Sender::is_closed) {
        clients.remove(&client_id);
    }
    end
}

impl Session<'_> {
    /// Serves the device, which may send nothing for as long as `idle`, until the session ends: why it does.
    async fn run(mut self, idle: Duration) -> Result<(), End> {
        let mut deadline = Instant::now() + idle;
        loop {
            let due = self.answers.front().map(|(due, ..)| *due);
            tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or(deadline)), if due.is_some() => self.answer().await?,
                packet = self.stream.receive(deadline), if self.answers.len() < WAITING => {
                    deadline = Instant::now() + idle;
                    self.handle(&packet?).await?;
                }
            }
        }
    }

    /// Does what `packet` asks for. What the codec accepts although the standard calls it malformed is refused here:
    /// <http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>, sections 2.2.2 (flags), 2.3.1 (packet
    /// ids), 3.3.2 (topics).
    async fn handle(&mut self, packet: &RawPacket) -> Result<(), End> {
        match (packet.packet_type(), packet.flags(), &packet.data) {
            (3, flags, PacketData::Publish(body)) => {
                let (publish, _) = Publish::parse(flags, body.clone()).map_err(invalid)?;
                self.publish(&publish).await
            }
            // PUBACK: an answer was received. TCP delivers it, so it is not counted.
            (4, 0, _) if packet.remaining_length() == 2 => Ok(()),
            (8 | 10, 2, _) if packet.data_as_slice().starts_with(&[0, 0]) => {
                Err(invalid("the packet id is 0"))
            }
            (8, 2, _) => self.subscribe(&packet.parse_exact(Subscribe::parse).map_err(invalid)?).await,
            (10, 2, _) => self.unsubscribe(&packet.parse_exact(Unsubscribe::parse).map_err(invalid)?).await,
            (12, 0, _) if packet.remaining_length() == 0 => {
                self.stream.send(Pingresp::builder().build()).await
            }
            (14, 0, _) if packet.remaining_length() == 0 => Err(End::Disconnected),
            (1, ..) => Err(failed("a CONNECT after the CONNECT")),
            _ => Err(unexpected("a packet that devices send", packet)),
        }
    }

    /// Has the service answer a request. PUBACK first: the .NET SDK gives up if the answer comes before.
    async fn publish(&mut self, publish: &Publish) -> Result<(), End> {
        let topic = publish.topic_name();
        let Some((request, rid)) = request(topic) else {
            return Err(failed(format!("a PUBLISH to the unknown topic {}", quoted(topic))));
        };
        match (publish.qos(), publish.packet_id()) {
            (Qos::ExactlyOnce, _) => return Err(failed("a PUBLISH at QoS 2, expected 0 or 1")),
            (_, Some(0)) => return Err(invalid("the packet id is 0")),
            (_, Some(id)) => {
                self.stream.send(Puback::builder().packet_id(id).build()).await?;
            }
            (_, None) => {}
        }
        let (service, body) = (&self.api.service, publish.payload().as_slice());
        let answer = match request {
            Request::Register => service.register(&self.device, body),
            Request::Status(Some(operation_id)) => service.operation_status(&self.device, operation_id),
            Request::Status(None) => {
                self.warn("a status request without operationId: 400");
                Answer::bad_request("The topic does not name an operation: &operationId=…")
            }
        };
        let due = Instant::now() + self.api.answer_delay;
        self.answers.push_back((due, answer_topic(rid, &answer), answer.body));
        Ok(())
    }

    /// Sends the first answer, at the highest quality of service that a matching subscription was granted
    /// (MQTT-3.3.5-1).
    async fn answer(&mut self) -> Result<(), End> {
        let Some((_, topic, body)) = self.answers.pop_front() else { return Ok(()) };
        let matching = self.subscriptions.iter().filter(|(filter, _)| matches(filter, &topic));
        let Some(qos) = matching.map(|(_, qos)| *qos).max() else {
            let why = format!("dropped: the device has not subscribed to {ANSWERS}");
            self.warn(&format!("the answer to {} is {why}", quoted(&topic)));
            return Ok(());
        };
        let packet_id = (qos != Qos::AtMostOnce).then(|| {
            self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
            self.packet_id
        });
        let publish = Publish::builder()
            .topic_name(topic)
            .map(|builder| builder.qos(qos).packet_id(packet_id).payload(body.into_bytes()));
        self.stream.send(publish.and_then(|builder| builder.build())).await
    }

    /// Grants filters for answers, at most at QoS 1, and nothing else.
    async fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), End> {
        let mut codes = Vec::with_capacity(subscribe.entries().len());
        for entry in subscribe.entries() {
            let filter = entry.topic_filter();
            self.subscriptions.retain(|(other, _)| other != filter);
            if !is_for_answers(filter) || self.subscriptions.len() == SUBSCRIPTIONS {
                self.warn(&format!("a SUBSCRIBE to {}, expected {ANSWERS}", quoted(filter)));
                codes.push(SubackReturnCode::Failure);
                continue;
            }
            let (granted, code) = match entry.sub_opts().qos() {
                Qos::AtMostOnce => (Qos::AtMostOnce, SubackReturnCode::SuccessMaximumQos0),
                _ => (Qos::AtLeastOnce, SubackReturnCode::SuccessMaximumQos1),
            };
            self.subscriptions.push((filter.to_owned(), granted));
            codes.push(code);
        }
        let suback = Suback::builder().packet_id(subscribe.packet_id()).return_codes(codes);
        self.stream.send(suback.build()).await
    }

    async fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) -> Result<(), End> {
        self.subscriptions
            .retain(|(filter, _)| unsubscribe.entries().iter().all(|entry| entry.as_str() != filter));
        self.stream.send(Unsuback::builder().packet_id(unsubscribe.packet_id()).build()).await
    }

    fn warn(&self, what: &str) {
        self.api.journal.warn(format!("{}: {what}", self.name));
    }
}

/// Never "session present": the .NET SDK fails on it.
fn connack(code: ConnectReturnCode) -> Result<Connack, MqttError> {
    Connack::builder().session_present(false).return_code(code).build()
}
