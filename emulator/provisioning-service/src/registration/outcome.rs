//! What allocation comes to.

use serde_json::value::RawValue;

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
