use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::device::Device;
use crate::endpoint::Transport;
use crate::outcome::{Failure, Refusal, Registration};

/// The device API spoken, the C SDK's.
pub(crate) const API_VERSION: &str = "2021-06-01";

/// The largest answer that is read, in bytes. The service's own limit for a message is 96 KB.
pub(crate) const ANSWER_LIMIT: usize = 256 * 1024;

/// How many characters of an answer are repeated in an error.
const QUOTED: usize = 1000;

/// What a device asks of the service.
pub(crate) enum Request {
    /// To be registered: the JSON body.
    Register(String),
    /// The state of an operation: its id.
    Poll(String),
}

/// An answer of the service, taken out of its MQTT or HTTP frame.
pub(crate) struct Answer {
    /// The HTTP status, or the one in the topic.
    pub(crate) status: u16,
    /// The header or topic property.
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What an answer means for the device, if it is not a failure.
pub(crate) enum Verdict {
    /// Not decided yet: poll this operation.
    Assigning(String),
    /// The service is busy: repeat the request.
    Busy,
    Assigned(Registration),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegisterBody<'a> {
    registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerBody {
    operation_id: Option<String>,
    status: Option<String>,
    registration_state: Option<State>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    assigned_hub: Option<String>,
    device_id: Option<String>,
    error_code: Option<i64>,
    error_message: Option<String>,
    last_updated_date_time_utc: Option<String>,
    payload: Option<Box<RawValue>>,
}

impl Request {
    pub(crate) fn register(device: &Device) -> Self {
        let body =
            RegisterBody { registration_id: &device.registration_id, payload: device.payload.as_deref() };
        #[expect(clippy::expect_used, reason = "a string and JSON text can always be serialized")]
        Self::Register(serde_json::to_string(&body).expect("a register request is JSON"))
    }
}

impl Answer {
    /// How long to wait before the next request: 1 to 300 s as the service asks, otherwise 1 s (the C SDK's rule).
    pub(crate) fn wait(&self) -> Duration {
        let asked = self.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
        Duration::from_secs(asked.filter(|seconds| (1..=300).contains(seconds)).unwrap_or(1))
    }

    /// What the answer, which came over `transport`, means.
    pub(crate) fn verdict(&self, transport: Transport) -> Result<Verdict, Failure> {
        if self.status >= 429 {
            return Ok(Verdict::Busy);
        }
        let quoted: String = String::from_utf8_lossy(&self.body).chars().take(QUOTED).collect();
        // Over MQTT the body alone decides.
        if transport == Transport::Https && !matches!(self.status, 200..=226 | 401) {
            let status = self.status;
            let message = format!("Failure status code sent from the server: {status} {quoted}");
            return Err(Failure::Transport(message));
        }
        let unusable = Failure::Answer(format!("Unusable answer: {quoted}"));
        let Ok(body) = serde_json::from_slice::<AnswerBody>(&self.body) else { return Err(unusable) };
        let Some(status) = body.status else {
            // The service's error body has no status: the credential was not accepted.
            return Err(Failure::Credential(format!("Unsuccessful json encountered: {quoted}")));
        };
        let state = body.registration_state.unwrap_or_default();
        match (&*status, body.operation_id, state.assigned_hub, state.device_id) {
            ("assigning", Some(operation_id), ..) => Ok(Verdict::Assigning(operation_id)),
            ("assigned", _, Some(hub), Some(device_id)) => {
                Ok(Verdict::Assigned(Registration { hub, device_id, payload: state.payload }))
            }
            ("failed", operation_id, ..) => Err(Failure::Refused(Refusal {
                operation_id: operation_id.unwrap_or_default(),
                date: state.last_updated_date_time_utc.unwrap_or_default(),
                code: state.error_code,
                message: state.error_message.unwrap_or_default(),
            })),
            ("disabled", ..) => Err(Failure::Disabled),
            _ => Err(unusable),
        }
    }
}
