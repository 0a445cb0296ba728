//! `registrationState`: what a device is shown of its registration.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::registration::record::{Registration, Substatus};

/// `registrationState`. Members that do not apply are absent.
///
/// <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration/operation-status-lookup>
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationState {
    pub(crate) registration_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_date_time_utc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assigned_hub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<String>,
    /// `assigning`, `assigned`, `failed` or `disabled`.
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) substatus: Option<Substatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_updated_date_time_utc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Box<RawValue>>,
}

impl RegistrationState {
    /// A state of which only this is known.
    pub(crate) fn new(registration_id: &str, status: &'static str) -> Self {
        Self {
            registration_id: registration_id.to_owned(),
            created_date_time_utc: None,
            assigned_hub: None,
            device_id: None,
            status,
            substatus: None,
            error_code: None,
            error_message: None,
            last_updated_date_time_utc: None,
            etag: None,
            payload: None,
        }
    }
}

impl From<Registration> for RegistrationState {
    fn from(registration: Registration) -> Self {
        Self {
            registration_id: registration.registration_id,
            created_date_time_utc: Some(registration.created_date_time_utc),
            assigned_hub: Some(registration.assigned_hub),
            device_id: Some(registration.device_id),
            status: "assigned",
            substatus: Some(registration.substatus),
            error_code: None,
            error_message: None,
            last_updated_date_time_utc: Some(registration.last_updated_date_time_utc),
            etag: Some(registration.etag),
            payload: registration.payload,
        }
    }
}
