use std::time::Duration;

use tokio::time::timeout;

use crate::device::Device;
use crate::endpoint::{Endpoint, HostPort, Transport};
use crate::https::Https;
use crate::message::{Answer, Request};
use crate::mqtt::Mqtt;
use crate::outcome::Failure;

/// How long one step may take: the limit of the Python and Node SDKs.
const STEP: Duration = Duration::from_secs(30);

/// A connection of one device to the service.
pub(crate) enum Connection {
    Mqtt(Box<Mqtt>),
    Https(Box<Https>),
}

impl Connection {
    /// Connects, and over MQTT presents the credential.
    pub(crate) async fn open(device: &Device, endpoint: &Endpoint) -> Result<Self, Failure> {
        let opening = async {
            Ok(match endpoint.transport {
                Transport::Mqtt => Self::Mqtt(Box::new(Mqtt::open(device, endpoint).await?)),
                Transport::Https => Self::Https(Box::new(Https::open(device, endpoint).await?)),
            })
        };
        let no_answer = |_| Err(Failure::Transport(format!("no answer in {} s", STEP.as_secs())));
        let place = HostPort { port: Some(endpoint.port()), ..endpoint.host.clone() };
        timeout(STEP, opening).await.unwrap_or_else(no_answer).map_err(|failure| match failure {
            Failure::Transport(why) => Failure::Transport(format!("Cannot connect to {place}: {why}")),
            other => other,
        })
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        let asking = async {
            match self {
                Self::Mqtt(mqtt) => mqtt.ask(request).await,
                Self::Https(https) => https.ask(request).await,
            }
        };
        timeout(STEP, asking).await.unwrap_or(Err(Failure::Timeout(STEP)))
    }

    /// Disconnects. Fails if the service sent another answer, to no request.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Mqtt(mqtt) => mqtt.close().await,
            Self::Https(_) => Ok(()),
        }
    }
}
