//! The record of a device that has a hub, as it is kept.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::registration::state::RegistrationState;

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
