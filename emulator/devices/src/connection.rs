use std::time::Duration;

use tokio::time::timeout;

use super::answer::Answer;
use super::https::Https;
use super::mqtt::Mqtt;
use super::{Device, Endpoint, Failure, HostPort, Transport};

/// How long one step may take, the Python and Node SDKs' own limit.
const STEP: Duration = Duration::from_secs(30);

/// How many bytes of an answer are read. The service's own limit for a message is 96 KB.
pub(super) const LARGEST: usize = 256 * 1024;

/// What a device asks.
#[derive(Debug)]
pub(super) enum Request {
    /// To be registered: the body.
    Register(String),
    /// The state of an operation: its id.
    Poll(String),
}

/// A connection of one device to the service.
pub(super) enum Connection {
    Mqtt(Box<Mqtt>),
    Https(Box<Https>),
}

impl Connection {
    /// Connects, and over MQTT shows the credential.
    pub(super) async fn open(device: &Device, endpoint: &Endpoint) -> Result<Self, Failure> {
        let opening = async {
            Ok(match endpoint.transport {
                Transport::Mqtt => Self::Mqtt(Box::new(Mqtt::open(device, endpoint).await?)),
                Transport::Https => Self::Https(Box::new(Https::open(device, endpoint).await?)),
            })
        };
        let opened = timeout(STEP, opening).await;
        let opened =
            opened.unwrap_or_else(|_| Err(Failure::Transport(format!("no answer in {} s", STEP.as_secs()))));
        let place = HostPort { port: Some(endpoint.port()), ..endpoint.host.clone() };
        opened.map_err(|failure| match failure {
            Failure::Transport(why) => Failure::Transport(format!("Cannot connect to {place}: {why}")),
            other => other,
        })
    }

    /// Asks, and waits for the answer to exactly this.
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        let asking = async {
            match self {
                Self::Mqtt(mqtt) => mqtt.ask(request).await,
                Self::Https(https) => https.ask(request).await,
            }
        };
        timeout(STEP, asking).await.unwrap_or(Err(Failure::Timeout(STEP)))
    }

    /// Disconnects.
    ///
    /// # Errors
    ///
    /// When the service still had an answer that nobody asked for.
    pub(super) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Mqtt(mqtt) => mqtt.close().await,
            Self::Https(_) => Ok(()),
        }
    }
}
