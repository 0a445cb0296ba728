use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::device::Device;
use crate::endpoint::{Endpoint, HostPort, Transport};
use crate::https::Https;
use crate::message::{Answer, Request, Verdict};
use crate::mqtt::Mqtt;
use crate::outcome::{Failure, Registration};

/// How long one step may take: the limit of the Python and Node SDKs.
const STEP: Duration = Duration::from_secs(30);

/// The progress of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The service accepted the connection.
    Connected,
    /// The service has not decided yet; reported once for each answer.
    Assigning,
}

enum Connection {
    Mqtt(Box<Mqtt>),
    Https(Https),
}

impl Device {
    /// Registers the device at `endpoint`, within `limit`, and reports each step to `progress`.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn register(
        &self,
        endpoint: &Endpoint,
        limit: Duration,
        mut progress: impl FnMut(Status),
    ) -> Result<Registration, Failure> {
        let registering = async {
            let mut connection = Connection::open(self, endpoint).await?;
            progress(Status::Connected);
            let mut request = Request::register(self);
            loop {
                let asking = timeout(STEP, connection.ask(&request));
                let answer = asking.await.unwrap_or(Err(Failure::Timeout(STEP)))?;
                match answer.verdict(endpoint.transport)? {
                    Verdict::Assigned(registration) => {
                        // Over HTTPS every answer belongs to a request.
                        if let Connection::Mqtt(mqtt) = connection {
                            mqtt.close().await?;
                        }
                        return Ok(registration);
                    }
                    Verdict::Assigning(operation_id) => {
                        progress(Status::Assigning);
                        request = Request::Poll(operation_id);
                    }
                    Verdict::Busy => {}
                }
                sleep(answer.wait()).await;
            }
        };
        timeout(limit, registering).await.unwrap_or(Err(Failure::Timeout(limit)))
    }
}

impl Connection {
    async fn open(device: &Device, endpoint: &Endpoint) -> Result<Self, Failure> {
        let opening = async {
            Ok(match endpoint.transport {
                Transport::Mqtt => Self::Mqtt(Box::new(Mqtt::open(device, endpoint).await?)),
                Transport::Https => Self::Https(Https::open(device, endpoint).await?),
            })
        };
        let no_answer = |_| Err(Failure::Transport(format!("no answer in {} s", STEP.as_secs())));
        let place = HostPort { port: Some(endpoint.port()), ..endpoint.host.clone() };
        timeout(STEP, opening).await.unwrap_or_else(no_answer).map_err(|failure| match failure {
            Failure::Transport(why) => Failure::Transport(format!("Cannot connect to {place}: {why}")),
            other => other,
        })
    }

    async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        match self {
            Self::Mqtt(mqtt) => mqtt.ask(request).await,
            Self::Https(https) => https.ask(request).await,
        }
    }
}
