use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, Publish, QoS,
    SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::time::timeout;

use super::answer::Answer;
use super::connection::{LARGEST, Request};
use super::{API_VERSION, Device, Endpoint, Failure, sas};

const ANSWERS: &str = "$dps/registrations/res/";

/// How long the service may take to close the connection after the DISCONNECT.
const PARTING: Duration = Duration::from_secs(2);

/// A device's MQTT 3.1.1 connection.
pub(super) struct Mqtt {
    client: AsyncClient,
    events: EventLoop,
    /// The `$rid` of the last request.
    request_id: u32,
}

impl Mqtt {
    /// Connects and subscribes to the answers.
    pub(super) async fn open(device: &Device, endpoint: &Endpoint) -> Result<Self, Failure> {
        let mut options = MqttOptions::new(&device.registration_id, &endpoint.host.host, endpoint.port());
        let version = concat!("dps-emulator%2F", env!("CARGO_PKG_VERSION"));
        let user = format!(
            "{}/registrations/{}/api-version={API_VERSION}&ClientVersion={version}",
            device.id_scope, device.registration_id
        );
        options
            .set_credentials(user, sas::token(device))
            // As the C SDK: no keep-alive.
            .set_keep_alive(Duration::ZERO)
            .set_max_packet_size(LARGEST, LARGEST)
            .set_transport(Transport::Tls(TlsConfiguration::Rustls(endpoint.tls.clone())));
        let (client, events) = AsyncClient::new(options, 4);
        let mut mqtt = Self { client, events, request_id: 0 };
        // `Connection::open` limits the time.
        mqtt.events.network_options.set_connection_timeout(60);
        mqtt.client.subscribe(format!("{ANSWERS}#"), QoS::AtLeastOnce).await.map_err(lost)?;
        loop {
            if let Packet::SubAck(granted) = mqtt.packet().await? {
                return match granted.return_codes.first() {
                    Some(SubscribeReasonCode::Success(_)) => Ok(mqtt),
                    _ => Err(Failure::Transport(
                        "The service refused the subscription to its answers".to_owned(),
                    )),
                };
            }
        }
    }

    /// Publishes `request` and waits for the answer with the same `$rid`.
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        self.request_id += 1;
        let id = self.request_id;
        let (topic, body) = match request {
            Request::Register(body) => {
                (format!("$dps/registrations/PUT/iotdps-register/?$rid={id}"), body.as_str())
            }
            Request::Poll(operation) => (
                format!(
                    "$dps/registrations/GET/iotdps-get-operationstatus/?$rid={id}&operationId={operation}"
                ),
                "",
            ),
        };
        self.client.publish(topic, QoS::AtLeastOnce, false, body).await.map_err(lost)?;
        loop {
            if let Packet::Publish(message) = self.packet().await? {
                let (answer, answered) = read(&message)?;
                return if answered == id.to_string() { Ok(answer) } else { Err(unasked(&message.topic)) };
            }
        }
    }

    /// Disconnects, and makes sure that nothing else was on its way.
    pub(super) async fn close(mut self) -> Result<(), Failure> {
        self.client.disconnect().await.map_err(lost)?;
        let rest = async {
            loop {
                match self.events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(message))) => return Err(unasked(&message.topic)),
                    Ok(_) => {}
                    Err(_) => return Ok(()),
                }
            }
        };
        // A service that keeps the connection open has still done its part.
        timeout(PARTING, rest).await.unwrap_or(Ok(()))
    }

    async fn packet(&mut self) -> Result<Packet, Failure> {
        loop {
            if let Event::Incoming(packet) = self.events.poll().await.map_err(broken)? {
                return Ok(packet);
            }
        }
    }
}

/// Reads `$dps/registrations/res/<status>/?$rid=<id>&retry-after=<seconds>`: the answer, and the request id.
fn read(message: &Publish) -> Result<(Answer, String), Failure> {
    let parts = message.topic.strip_prefix(ANSWERS).and_then(|rest| rest.split_once("/?"));
    let parts = parts.and_then(|(status, query)| Some((status.parse().ok()?, query)));
    let Some((status, query)) = parts else {
        return Err(Failure::Answer(format!("Answer under an unknown topic: {}", message.topic)));
    };
    let property = |name: &str| {
        let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        found.map(|(_, value)| value.to_owned())
    };
    let answer = Answer { status, retry_after: property("retry-after"), body: message.payload.to_vec() };
    Ok((answer, property("$rid").unwrap_or_default()))
}

fn unasked(topic: &str) -> Failure {
    Failure::Unasked(format!("Answer to no request, or to one answered already: {topic}"))
}

fn lost(error: rumqttc::ClientError) -> Failure {
    Failure::Transport(error.to_string())
}

fn broken(error: ConnectionError) -> Failure {
    match error {
        // The words of the C SDK.
        ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized) => {
            Failure::Credential("Connection Not Accepted: 0x5: Not Authorized".to_owned())
        }
        ConnectionError::ConnectionRefused(ConnectReturnCode::BadUserNamePassword) => {
            Failure::Credential("Connection Not Accepted: 0x4: Bad Username/Password".to_owned())
        }
        other => Failure::Transport(other.to_string()),
    }
}
