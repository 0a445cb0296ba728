//! A simulated device: it registers itself as the tutorial's C sample does, with that sample's words.
//!
//! Works against the stand-in and against the real service. The protocol:
//! <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>,
//! <https://learn.microsoft.com/azure/iot-dps/iot-dps-https-sym-key-support>.

mod answer;
mod connection;
mod endpoint;
mod failure;
pub mod fleet;
mod https;
mod mqtt;
mod sas;
mod transcript;
pub mod trust;

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};

pub use self::endpoint::{Endpoint, GLOBAL_HOST, HostPort, HostPortError, Transport};
pub use self::failure::{Failure, Refusal};
pub use self::transcript::register_aloud;

use self::answer::Verdict;
use self::connection::{Connection, Request};
use symmetric_key::SymmetricKey;

/// The device API spoken, the C SDK's.
const API_VERSION: &str = "2021-06-01";

/// What a device knows about itself.
#[derive(Clone, Debug)]
pub struct Device {
    /// The id scope of the DPS instance it belongs to: `0ne00…`.
    pub id_scope: String,
    /// Its registration id.
    pub registration_id: String,
    /// Its own key, not its group's.
    pub key: SymmetricKey,
    /// The custom payload it registers with: JSON, sent as it is.
    pub payload: Option<Box<RawValue>>,
}

/// The progress of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The service is reached.
    Connected,
    /// The service has not decided yet; reported once for each answer.
    Assigning,
}

/// What a registered device is told.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The host name of its IoT hub.
    pub hub: String,
    /// Its device id in that hub.
    pub device_id: String,
    /// How it was assigned: `initialAssignment`, `deviceDataMigrated`, …
    pub substatus: Option<String>,
    /// The allocation policy's payload for it: JSON.
    pub payload: Option<Box<RawValue>>,
}

/// The body of a register request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegisterBody<'a> {
    registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

impl Device {
    /// Registers the device at `endpoint`, within `limit`, and reports each step.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn register(
        &self,
        endpoint: &Endpoint,
        limit: Duration,
        progress: impl FnMut(Status),
    ) -> Result<Registration, Failure> {
        timeout(limit, self.try_register(endpoint, progress)).await.unwrap_or(Err(Failure::Timeout(limit)))
    }

    async fn try_register(
        &self,
        endpoint: &Endpoint,
        mut progress: impl FnMut(Status),
    ) -> Result<Registration, Failure> {
        let mut connection = Connection::open(self, endpoint).await?;
        progress(Status::Connected);
        let mut request = Request::Register(self.register_body());
        loop {
            let answer = connection.ask(&request).await?;
            match answer.verdict(endpoint.transport)? {
                Verdict::Assigned(registration) => {
                    connection.close().await?;
                    return Ok(registration);
                }
                Verdict::Assigning(operation_id) => {
                    progress(Status::Assigning);
                    request = Request::Poll(operation_id);
                }
                Verdict::Later => {}
            }
            sleep(answer.wait()).await;
        }
    }

    fn register_body(&self) -> String {
        let body = RegisterBody { registration_id: &self.registration_id, payload: self.payload.as_deref() };
        #[expect(clippy::expect_used, reason = "two strings make no JSON that cannot be written")]
        serde_json::to_string(&body).expect("a register request is JSON")
    }
}
