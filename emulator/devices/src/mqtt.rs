use std::time::Duration;

use rumqttc::ConnectionError::ConnectionRefused;
use rumqttc::{
    AsyncClient, ClientError, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet,
    Publish, QoS, SubscribeReasonCode, TlsConfiguration, Transport,
};
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::device::Device;
use crate::endpoint::Endpoint;
use crate::message::{ANSWER_LIMIT, API_VERSION, Answer, Request};
use crate::outcome::Failure;

/// What the topic of every answer begins with.
const ANSWERS: &str = "$dps/registrations/res/";

/// How long the service may take to close the connection after the DISCONNECT.
const CLOSE: Duration = Duration::from_secs(2);

/// A device's MQTT 3.1.1 connection.
pub(crate) struct Mqtt {
    client: AsyncClient,
    events: EventLoop,
    /// The `$rid` of the last request.
    request_id: u32,
}

impl Mqtt {
    /// Connects and subscribes to the answers.
    pub(crate) async fn open(device: &Device, endpoint: &Endpoint) -> Result<Self, Failure> {
        let Device { id_scope, registration_id, .. } = device;
        let version = concat!("dps-emulator%2F", env!("CARGO_PKG_VERSION"));
        let user = format!(
            "{id_scope}/registrations/{registration_id}/api-version={API_VERSION}&ClientVersion={version}"
        );
        let mut options = MqttOptions::new(registration_id, &endpoint.host.host, endpoint.port());
        options
            .set_credentials(user, device.sas_token(OffsetDateTime::now_utc() + time::Duration::HOUR))
            // As the C SDK: no keep-alive.
            .set_keep_alive(Duration::ZERO)
            .set_max_packet_size(ANSWER_LIMIT, ANSWER_LIMIT)
            .set_transport(Transport::Tls(TlsConfiguration::Rustls(endpoint.tls.clone())));
        let (client, mut events) = AsyncClient::new(options, 4);
        // `Connection::open` limits the time.
        events.network_options.set_connection_timeout(60);
        let mut mqtt = Self { client, events, request_id: 0 };
        mqtt.client.subscribe(format!("{ANSWERS}#"), QoS::AtLeastOnce).await.map_err(not_sent)?;
        loop {
            if let Packet::SubAck(granted) = mqtt.packet().await? {
                let [SubscribeReasonCode::Success(_)] = granted.return_codes[..] else {
                    let refused = "the service refused the subscription to answers";
                    return Err(Failure::Transport(refused.to_owned()));
                };
                return Ok(mqtt);
            }
        }
    }

    /// Publishes `request` and waits for the answer with the same `$rid`.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        self.request_id += 1;
        let id = self.request_id;
        let (operation, body) = match request {
            Request::Register(body) => (format!("PUT/iotdps-register/?$rid={id}"), body.as_str()),
            Request::Poll(operation) => {
                (format!("GET/iotdps-get-operationstatus/?$rid={id}&operationId={operation}"), "")
            }
        };
        let topic = format!("$dps/registrations/{operation}");
        self.client.publish(topic, QoS::AtLeastOnce, false, body).await.map_err(not_sent)?;
        let message = self.message().await?;
        let (answer, answered) = read(&message)?;
        if answered == id.to_string() { Ok(answer) } else { Err(Failure::Unrequested(message.topic)) }
    }

    /// Disconnects, and makes sure that no other answer was on its way.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        self.client.disconnect().await.map_err(not_sent)?;
        match timeout(CLOSE, self.message()).await {
            Ok(Ok(message)) => Err(Failure::Unrequested(message.topic)),
            // It is no error of the service to keep the connection open.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    async fn message(&mut self) -> Result<Publish, Failure> {
        loop {
            if let Packet::Publish(message) = self.packet().await? {
                return Ok(message);
            }
        }
    }

    async fn packet(&mut self) -> Result<Packet, Failure> {
        loop {
            if let Event::Incoming(packet) = self.events.poll().await.map_err(lost)? {
                return Ok(packet);
            }
        }
    }
}

/// Reads `$dps/registrations/res/<status>/?$rid=<id>&retry-after=<seconds>`: the answer, and the request id.
fn read(message: &Publish) -> Result<(Answer, String), Failure> {
    let parts = message.topic.strip_prefix(ANSWERS).and_then(|rest| rest.split_once("/?"));
    let Some((Ok(status), query)) = parts.map(|(status, query)| (status.parse(), query)) else {
        return Err(Failure::Answer(format!("Answer under an unknown topic: {}", message.topic)));
    };
    let property = |name| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let answer = Answer { status, retry_after: property("retry-after"), body: message.payload.to_vec() };
    Ok((answer, property("$rid").unwrap_or_default()))
}

fn not_sent(error: ClientError) -> Failure {
    Failure::Transport(error.to_string())
}

fn lost(error: ConnectionError) -> Failure {
    // The words of the C SDK.
    let refused = |why: &str| Failure::Credential(format!("Connection Not Accepted: {why}"));
    match error {
        ConnectionRefused(ConnectReturnCode::NotAuthorized) => refused("0x5: Not Authorized"),
        ConnectionRefused(ConnectReturnCode::BadUserNamePassword) => refused("0x4: Bad Username/Password"),
        other => Failure::Transport(other.to_string()),
    }
}
