//! What the service answers a device, before MQTT or HTTPS gives it a frame.

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::registration::record::{RegistrationState, Status};
use crate::stamp;

/// An answer to a device.
///
/// Shapes: <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration/register-device>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, or the one in the MQTT topic: 200, 202, 401, 404, 429, …
    pub status: u16,
    /// Seconds the device is asked to wait before it asks again (with 202 and 429 only).
    pub retry_after: Option<u64>,
    /// `errorCode` of an error's body, such as 401002; the header `x-ms-error-code` over HTTPS.
    pub error_code: Option<u32>,
    /// Names this answer: the header `x-ms-request-id` over HTTPS, and `trackingId` in an error's body.
    pub request_id: Uuid,
    /// The body: one JSON object.
    pub body: String,
}

/// The body of an answer to a registration or poll.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationStatus<'a> {
    operation_id: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_state: Option<&'a RegistrationState>,
}

impl Answer {
    /// An answer with `body`, written as JSON.
    pub(crate) fn json(status: u16, retry_after: Option<u64>, body: &impl Serialize) -> Self {
        // Only maps whose keys are not strings cannot be written, and no answer has one.
        let body = serde_json::to_string(body).unwrap_or_else(|_| "{}".to_owned());
        Self { status, retry_after, error_code: None, request_id: Uuid::new_v4(), body }
    }

    /// 202: the registration is accepted as an operation, which the device is to poll.
    pub(crate) fn accepted(operation_id: &str, retry_after: u64) -> Self {
        let body = OperationStatus { operation_id, status: Status::Assigning, registration_state: None };
        Self::json(202, Some(retry_after), &body)
    }

    /// How an operation stands: 202 while the device is `assigning`, then 200.
    pub(crate) fn operation(operation_id: &str, state: &RegistrationState, retry_after: u64) -> Self {
        let body = OperationStatus { operation_id, status: state.status, registration_state: Some(state) };
        match state.status {
            Status::Assigning => Self::json(202, Some(retry_after), &body),
            _ => Self::json(200, None, &body),
        }
    }

    /// A refusal: `{"errorCode":401002,"trackingId":"…","message":"…","timestampUtc":"…"}`. The first three digits of
    /// `code` are `status`.
    #[must_use]
    pub fn error(status: u16, code: u32, message: &str) -> Self {
        let request_id = Uuid::new_v4();
        let body = json!({
            "errorCode": code, "trackingId": request_id.to_string(), "message": message, "timestampUtc": stamp::now(),
        });
        Self { status, retry_after: None, error_code: Some(code), request_id, body: body.to_string() }
    }

    /// 400: `message` says what was expected of the request.
    #[must_use]
    pub fn bad_request(message: &str) -> Self {
        Self::error(400, 400_000, message)
    }

    /// 401002 `Unauthorized`: the credential was refused, for a reason that the log has.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::error(401, 401_002, "Unauthorized")
    }

    /// 404: there is no such path, operation or registration.
    #[must_use]
    pub fn not_found(message: &str) -> Self {
        Self::error(404, 404_201, message)
    }

    /// 405: the path is known and the method is not.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::error(405, 405_000, "Method not allowed.")
    }

    /// 413: the body is longer than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::error(413, 413_000, &format!("The request has a body of more than {limit} bytes."))
    }

    /// 429001: too many requests; the device is asked to come back in `retry_after` seconds.
    #[must_use]
    pub fn throttled(retry_after: u64) -> Self {
        let answer = Self::error(429, 429_001, "Operations are being throttled for this tenant.");
        Self { retry_after: Some(retry_after), ..answer }
    }
}
