//! The record of a device that has a hub, as it is kept.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The record of a device that has a hub.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registration {
    /// As the device spelled it when it registered last.
    pub(crate) registration_id: String,
    /// The operation that made this record what it is, for a device that asks after a restart.
    pub(crate) operation_id: String,
    /// Which enrollment the device matched, in words.
    pub(crate) enrollment: String,
    pub(crate) created_date_time_utc: String,
    pub(crate) last_updated_date_time_utc: String,
    pub(crate) etag: String,
    pub(crate) assigned_hub: String,
    pub(crate) device_id: String,
    pub(crate) substatus: Substatus,
    /// The twin with which the device's data in this hub began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) initial_twin: Option<Box<RawValue>>,
    /// The webhook's payload for the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Box<RawValue>>,
}

/// How a device came to the hub it is assigned to:
/// <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration/operation-status-lookup>.
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
