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

/// A device twin to start with. It is written with the properties first, as the sample writes it.
///
/// ```
/// # use dps_custom_allocation::webhook::InitialTwin;
/// let twin = InitialTwin::tags([("deviceType", "toaster")]).desired([("state", "ready"), ("darknessSetting", "medium")]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InitialTwin {
    /// Properties, which the device sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<TwinProperties>,
    /// Tags, which the device does not see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Map<String, Value>>,
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

// === impl InitialTwin ===

impl InitialTwin {
    /// A twin with these tags and no properties. For a twin without tags start with `InitialTwin::default()`.
    #[must_use]
    pub fn tags<N: Into<String>, V: Into<Value>>(tags: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { tags: Some(members(tags)), properties: None }
    }

    /// This twin with these desired properties, in place of any it had.
    #[must_use]
    pub fn desired<N: Into<String>, V: Into<Value>>(self, desired: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { properties: Some(TwinProperties { desired: Some(members(desired)) }), ..self }
    }
}

fn members<N: Into<String>, V: Into<Value>>(members: impl IntoIterator<Item = (N, V)>) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}
