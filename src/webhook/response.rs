//! The allocation response: the hub, and what the device starts with there.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Hub;

/// The answer that assigns a device. Absent members are not written.
///
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-response>
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllocationResponse<'a> {
    /// The hub, one of the request's.
    pub iot_hub_host_name: Hub<'a>,
    /// The twin that the device starts with, in place of the enrollment's. DPS uses it on a first
    /// assignment, and on a new one when the enrollment says to start afresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_twin: Option<InitialTwin>,
    /// What the device is handed when it is assigned. An object: the SDKs fail on anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Map<String, Value>>,
}

/// A device twin to start with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InitialTwin {
    /// Tags, which the device does not see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Map<String, Value>>,
    /// Properties, which it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<TwinProperties>,
}

/// The properties of a twin to start with: desired ones only, since the device reports the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TwinProperties {
    /// What the device should make so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Map<String, Value>>,
}

// === impl AllocationResponse ===

impl<'a> AllocationResponse<'a> {
    /// Assigns the device to `hub`, with the enrollment's own twin and no payload.
    #[must_use]
    pub const fn to(hub: Hub<'a>) -> Self {
        Self { iot_hub_host_name: hub, initial_twin: None, payload: None }
    }
}
