//! The registration of a device: what it is shown of it, the record that is kept once it has a hub, and what allocation
//! comes to.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// `registrationState`. Members that do not apply are absent.
///
/// <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration/operation-status-lookup>
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationState {
    /// As the device spelled it when it registered last.
    pub(crate) registration_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_date_time_utc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assigned_hub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<String>,
    pub(crate) status: Status,
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
    /// The webhook's payload for the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Box<RawValue>>,
}

/// The record of a device that has a hub.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registration {
    /// What the device is shown.
    pub(crate) state: RegistrationState,
    /// The operation that made this record what it is, for a device that asks after a restart.
    pub(crate) operation_id: String,
    /// Which enrollment the device matched, in words.
    pub(crate) enrollment: String,
    /// The twin with which the device's data in this hub began.
    pub(crate) initial_twin: Option<Box<RawValue>>,
}

/// How a registration stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Status {
    #[default]
    Assigning,
    Assigned,
    Failed,
    Disabled,
}

/// How a device came to the hub it is assigned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Substatus {
    /// For the first time.
    InitialAssignment,
    /// From another hub, and its data came along.
    DeviceDataMigrated,
    /// From another hub, and it begins again with the initial twin.
    DeviceDataReset,
    /// It was there before.
    ReprovisionedToInitialAssignment,
}

impl fmt::Display for Substatus {
    /// As devices are shown it: `initialAssignment`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What a policy decided for a device: an allocation response, its hub checked.
///
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-response>
#[derive(Clone, Debug)]
pub(crate) struct Allocated {
    /// The hub, one of those the policy had to choose from.
    pub(crate) hub: String,
    /// The twin to begin with, in place of the enrollment's.
    pub(crate) initial_twin: Option<Box<RawValue>>,
    /// The payload for the device.
    pub(crate) payload: Option<Box<RawValue>>,
}

/// Why a registration failed, as the device is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `errorCode`, such as 400207.
    pub(crate) code: u32,
    /// `errorMessage`.
    pub(crate) message: String,
}
