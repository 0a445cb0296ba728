use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::{Failure, Refusal};
use super::{Registration, Transport};

/// How many characters of an answer are repeated in a message.
const QUOTED: usize = 1000;

/// An answer of the service, taken out of its MQTT or HTTP frame.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status, or the one in the topic.
    pub(super) status: u16,
    /// The header or topic property `retry-after`, as text.
    pub(super) retry_after: Option<String>,
    /// The JSON body.
    pub(super) body: Vec<u8>,
}

/// What an answer means for the device.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Not decided: ask about this operation.
    Assigning(String),
    /// The service is busy: ask the same again.
    Later,
    /// Registered.
    Assigned(Registration),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    operation_id: Option<String>,
    status: Option<String>,
    registration_state: Option<State>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    assigned_hub: Option<String>,
    device_id: Option<String>,
    substatus: Option<String>,
    error_code: Option<i64>,
    error_message: Option<String>,
    last_updated_date_time_utc: Option<String>,
    payload: Option<Box<RawValue>>,
}

impl Answer {
    /// How long to wait before the next request: 1 to 300 s as the service asks, otherwise 1 s (the C
    /// SDK's rule).
    pub(super) fn wait(&self) -> Duration {
        let asked = self.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
        Duration::from_secs(asked.filter(|seconds| (1..=300).contains(seconds)).unwrap_or(1))
    }

    /// What it means.
    ///
    /// # Errors
    ///
    /// Every answer but "assigned", "assigning" and "later" (429 and above).
    pub(super) fn verdict(&self, transport: Transport) -> Result<Verdict, Failure> {
        if self.status >= 429 {
            return Ok(Verdict::Later);
        }
        // Over MQTT the body alone decides.
        if transport == Transport::Https && !matches!(self.status, 200..=226 | 401) {
            return Err(Failure::Transport(format!(
                "Failure status code sent from the server: {} {}",
                self.status,
                self.quoted()
            )));
        }
        let body: Body = serde_json::from_slice(&self.body).map_err(|_| self.unusable())?;
        let Some(status) = body.status else {
            // The service's error body has no status: the credential was not accepted.
            return Err(Failure::Credential(format!("Unsuccessful json encountered: {}", self.quoted())));
        };
        let state = body.registration_state.unwrap_or_default();
        match status.as_str() {
            "assigning" => body.operation_id.map(Verdict::Assigning).ok_or_else(|| self.unusable()),
            "assigned" => match (state.assigned_hub, state.device_id) {
                (Some(hub), Some(device_id)) => Ok(Verdict::Assigned(Registration {
                    hub,
                    device_id,
                    substatus: state.substatus,
                    payload: state.payload,
                })),
                _ => Err(self.unusable()),
            },
            "failed" => Err(Failure::Refused(Refusal {
                operation_id: body.operation_id.unwrap_or_default(),
                date: state.last_updated_date_time_utc.unwrap_or_default(),
                code: state.error_code,
                message: state.error_message.unwrap_or_default(),
            })),
            "disabled" => Err(Failure::Disabled),
            _ => Err(self.unusable()),
        }
    }

    fn unusable(&self) -> Failure {
        Failure::Answer(format!("Unusable answer: {}", self.quoted()))
    }

    fn quoted(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(QUOTED).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Answer, Verdict};
    use crate::{Failure, Transport};

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn the_wait_is_1_to_300_seconds() {
        for (asked, seconds) in
            [(None, 1), (Some("3"), 3), (Some("0"), 1), (Some("300"), 300), (Some("301"), 1), (Some("x"), 1)]
        {
            let answer = Answer { retry_after: asked.map(str::to_owned), ..answer(202, "") };
            assert_eq!(answer.wait(), Duration::from_secs(seconds), "{asked:?}");
        }
    }

    #[test]
    fn what_is_not_decided_yet() {
        let assigning = r#"{"operationId":"4.op","status":"assigning","registrationState":{"registrationId":"a","status":"assigning"}}"#;
        assert!(
            matches!(answer(202, assigning).verdict(Transport::Mqtt), Ok(Verdict::Assigning(op)) if op == "4.op")
        );
        assert!(matches!(answer(429, "").verdict(Transport::Mqtt), Ok(Verdict::Later)));
        assert!(matches!(answer(503, "").verdict(Transport::Https), Ok(Verdict::Later)));
    }

    #[test]
    fn what_is_refused_and_how_the_c_sdk_names_it() {
        for (status, body, result) in [
            (
                200,
                r#"{"operationId":"4.op","status":"failed","registrationState":{"errorCode":400207}}"#,
                "DEV_AUTH_ERROR",
            ),
            (
                200,
                r#"{"operationId":"4.op","status":"failed","registrationState":{"errorCode":400208}}"#,
                "HUB_NOT_SPECIFIED",
            ),
            (
                200,
                r#"{"operationId":"4.op","status":"failed","registrationState":{"errorCode":400209}}"#,
                "UNAUTHORIZED",
            ),
            (200, r#"{"operationId":"","status":"disabled"}"#, "DISABLED"),
            (401, r#"{"errorCode":401002,"trackingId":"","message":"Unauthorized"}"#, "DEV_AUTH_ERROR"),
            (200, r#"{"status":"assigning"}"#, "PARSING"),
            (
                200,
                r#"{"operationId":"4.op","status":"assigned","registrationState":{"deviceId":"a"}}"#,
                "PARSING",
            ),
            (200, r#"{"operationId":"4.op","status":"unassigned"}"#, "PARSING"),
            (200, "not JSON", "PARSING"),
        ] {
            let failure = answer(status, body).verdict(Transport::Mqtt).unwrap_err();
            assert_eq!(failure.result(), format!("PROV_DEVICE_RESULT_{result}"), "{body}");
        }
    }

    #[test]
    fn over_https_the_status_counts_too() {
        let failure = answer(404, r#"{"errorCode":404201}"#).verdict(Transport::Https).unwrap_err();
        let said = r#"Failure status code sent from the server: 404 {"errorCode":404201}"#;
        assert_eq!(failure, Failure::Transport(said.to_owned()));
    }
}
