//! What a device says when it registers.

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::compact::compact;

/// The body of a registration:
/// <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration/register-device>.
#[derive(Debug, Default)]
pub(crate) struct RegistrationRequest {
    /// For the webhook, as the device wrote it but for blanks: the service sends compact JSON, and Python's has
    /// blanks. `null` counts as none: the Python SDK writes that.
    pub(crate) payload: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    registration_id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    csr: Option<&'a RawValue>,
    #[serde(borrow)]
    client_certificate_csr: Option<&'a RawValue>,
    #[serde(borrow)]
    tpm: Option<&'a RawValue>,
}

impl RegistrationRequest {
    /// Reads `body`, sent by the device `registration_id`. Some SDKs send nothing or blanks in place of an
    /// empty object, and some leave the registration id out.
    /// Errors: what is wrong with it, for the device and the log.
    pub(crate) fn parse(body: &[u8], registration_id: &str) -> Result<Self, &'static str> {
        let text = str::from_utf8(body).map_err(|_| "The body is not valid UTF-8.")?.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        if !text.starts_with('{') {
            return Err("Expected a JSON object as the body.");
        }
        let body: Body<'_> = serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Data => "Expected a string as the registrationId, and no member twice.",
            _ => "The body is invalid JSON.",
        })?;
        if body.registration_id.is_some_and(|id| !id.eq_ignore_ascii_case(registration_id)) {
            return Err("The registrationId in the body is not the one the device authenticated with.");
        }
        if body.csr.or(body.client_certificate_csr).is_some() {
            return Err("The body has a csr (a certificate signing request): certificates are not issued.");
        }
        if body.tpm.is_some_and(|tpm| tpm.get().contains("Key\"")) {
            return Err("The body has a TPM's keys: TPM attestation is not supported yet.");
        }
        Ok(Self { payload: body.payload.map(compact) })
    }
}
