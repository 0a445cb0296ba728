//! What a device says when it registers.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::compact::compact;
use crate::registration_id::fold;

/// The body of a registration:
/// <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration/register-device>.
#[derive(Debug, Default)]
pub(crate) struct RegistrationRequest {
    /// For the webhook, as the device wrote it but for blanks: the service sends compact JSON, and Python's has
    /// blanks. `null` counts as none: the Python SDK writes that.
    pub(crate) payload: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(rename = "registrationId")]
    registration_id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    csr: Option<&'a RawValue>,
    #[serde(borrow)]
    tpm: Option<&'a RawValue>,
}

// === impl RegistrationRequest ===

impl RegistrationRequest {
    /// Reads `body`, sent by the device `registration_id`. Some SDKs send nothing or blanks in place of an
    /// empty object, and some leave the registration id out.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for the device and the log.
    pub(crate) fn parse(body: &[u8], registration_id: &str) -> Result<Self, &'static str> {
        let text = str::from_utf8(body).map_err(|_| "The body is not valid UTF-8.")?.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        if !text.starts_with('{') {
            return Err("Expected a JSON object as the body.");
        }
        let body: Body<'_> = serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                "Expected a string as the registrationId, and no member twice."
            }
            _ => "The body is invalid JSON.",
        })?;
        if body.registration_id.is_some_and(|id| fold(&id) != fold(registration_id)) {
            return Err("The registrationId in the body is not the one the device authenticated with.");
        }
        if body.csr.is_some() {
            return Err("The body has a csr (a certificate signing request): certificates are not issued.");
        }
        if body.tpm.is_some_and(|tpm| tpm.get().contains("\"endorsementKey\"")) {
            return Err("The body has a TPM's endorsementKey: TPM attestation is not supported yet.");
        }
        Ok(Self { payload: body.payload.map(compact) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies_of_all_sdks_are_read() {
        let table: &[(&str, Result<Option<&str>, &str>)] = &[
            ("", Ok(None)),
            (" ", Ok(None)),
            ("{}", Ok(None)),
            (r#"{"registrationId":"Dev-1"}"#, Ok(None)),
            (r#"{"payload": null, "registrationId": "dev-1"}"#, Ok(None)),
            (r#"{"payload":{"a": 1.0e3 ,"a":2}}"#, Ok(Some(r#"{"a":1.0e3,"a":2}"#))),
            (r#"{"registrationId":"dev-1","payload":"{\"a\":1}"}"#, Ok(Some(r#""{\"a\":1}""#))),
            (r#"{"registrationId":"dev-1","tpm":{},"csr":null}"#, Ok(None)),
            (
                r#"{"registrationId":"dev-1","csr":"MIIB"}"#,
                Err("The body has a csr (a certificate signing request): certificates are not issued."),
            ),
            (
                r#"{"registrationId":"dev-1","tpm":{"endorsementKey":"x"}}"#,
                Err("The body has a TPM's endorsementKey: TPM attestation is not supported yet."),
            ),
            (
                r#"{"registrationId":"dev-2"}"#,
                Err("The registrationId in the body is not the one the device authenticated with."),
            ),
            (r#"{"registrationId":7}"#, Err("Expected a string as the registrationId, and no member twice.")),
            (
                r#"{"payload":{},"payload":{}}"#,
                Err("Expected a string as the registrationId, and no member twice."),
            ),
            ("[]", Err("Expected a JSON object as the body.")),
            ("{", Err("The body is invalid JSON.")),
            ("{} {}", Err("The body is invalid JSON.")),
        ];
        for (body, expected) in table {
            let read = RegistrationRequest::parse(body.as_bytes(), "dev-1");
            let payload = read.map(|request| request.payload.map(|payload| payload.get().to_owned()));
            assert_eq!(payload, expected.map(|payload| payload.map(str::to_owned)), "{body}");
        }
        assert!(RegistrationRequest::parse(b"\xff", "dev-1").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_request_or_an_error(body: Vec<u8>) {
            let _ = RegistrationRequest::parse(&body, "dev-1");
        }
    }
}
