//! The enrollment record inside an allocation request: the service's own, with its secrets taken out.
//!
//! Schema, by `apiVersion` of the custom allocation definition:
//! <https://github.com/Azure/azure-rest-api-specs/tree/main/specification/deviceprovisioningservices>.
//! Which members are there depends on that version and on how the enrollment was made: need none of them.

use serde::Deserialize;

use super::{Attestation, InitialTwin};

/// An enrollment for one device.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IndividualEnrollment {
    /// The registration id that the device must show.
    pub registration_id: Option<String>,
    /// The id that the device shall have on its hub; its registration id when absent.
    pub device_id: Option<String>,
    /// The hub asked for by the `static` policy; absent with `custom`.
    pub iot_hub_host_name: Option<String>,
    /// How the device proves who it is.
    pub attestation: Option<Attestation>,
    /// What the device may do on its hub.
    pub capabilities: Option<Capabilities>,
    /// The record's version, with the quotation marks of an HTTP entity tag inside the text.
    pub etag: Option<String>,
    /// The twin that the device starts with, unless the answer brings another.
    pub initial_twin: Option<InitialTwin>,
    /// `enabled`; a device of a `disabled` enrollment is turned away before the webhook is called.
    pub provisioning_status: Option<String>,
    /// What happens to hub and twin when the device registers again.
    pub reprovision_policy: Option<ReprovisionPolicy>,
    /// When the record was made, RFC 3339, UTC.
    pub created_date_time_utc: Option<String>,
    /// When the record was last changed, RFC 3339, UTC.
    pub last_updated_date_time_utc: Option<String>,
    /// `custom`, or the webhook would not have been called.
    pub allocation_policy: Option<String>,
    /// The hubs selected on the enrollment; absent when it may use all that are linked.
    pub iot_hubs: Option<Vec<String>>,
    /// The webhook itself.
    pub custom_allocation_definition: Option<CustomAllocationDefinition>,
}

/// An enrollment for all devices that share a key or a signing certificate.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnrollmentGroup {
    /// The group's name, such as `contoso-custom-allocated-devices`.
    pub enrollment_group_id: Option<String>,
    /// How the group's devices prove who they are.
    pub attestation: Option<Attestation>,
    /// What the group's devices may do on their hubs.
    pub capabilities: Option<Capabilities>,
    /// The record's version, with the quotation marks of an HTTP entity tag inside the text.
    pub etag: Option<String>,
    /// The twin that a device starts with, unless the answer brings another.
    pub initial_twin: Option<InitialTwin>,
    /// `enabled`; a device of a `disabled` group is turned away before the webhook is called.
    pub provisioning_status: Option<String>,
    /// What happens to hub and twin when a device registers again.
    pub reprovision_policy: Option<ReprovisionPolicy>,
    /// When the record was made, RFC 3339, UTC.
    pub created_date_time_utc: Option<String>,
    /// When the record was last changed, RFC 3339, UTC.
    pub last_updated_date_time_utc: Option<String>,
    /// `custom`, or the webhook would not have been called.
    pub allocation_policy: Option<String>,
    /// The hubs selected on the group; absent when it may use all that are linked.
    pub iot_hubs: Option<Vec<String>>,
    /// The webhook itself.
    pub custom_allocation_definition: Option<CustomAllocationDefinition>,
}

/// What a device may do on its hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Capabilities {
    /// Whether it is an IoT Edge device.
    pub iot_edge: Option<bool>,
}

/// What happens when a device that was assigned before registers again.
///
/// <https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReprovisionPolicy {
    /// Whether it may move to another hub.
    pub update_hub_assignment: Option<bool>,
    /// Whether its twin moves with it; otherwise it starts with the initial twin.
    pub migrate_device_data: Option<bool>,
}

/// The webhook as the enrollment knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomAllocationDefinition {
    /// The webhook's address, its query hidden: `https://…/api/HttpTrigger1?****`.
    pub webhook_url: Option<String>,
    /// The version of the schema in which the enrollment is sent, such as `2021-10-01`.
    pub api_version: Option<String>,
}
