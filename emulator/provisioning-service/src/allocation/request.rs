//! What a webhook is sent.
//!
//! The order of the members is that of the request in
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::enrollments::enrollment::Kind;
use crate::registration::attempt::Attempt;

/// An allocation request:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-request>.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AllocationRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    individual_enrollment: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrollment_group: Option<&'a Map<String, Value>>,
    device_runtime_context: DeviceRuntimeContext<'a>,
    linked_hubs: &'a [&'a str],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceRuntimeContext<'a> {
    registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_iot_hub_host_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_device_id: Option<&'a str>,
    symmetric_key: Stripped,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

/// `{}`: the place of the keys, which a webhook is not given.
#[derive(Serialize)]
struct Stripped {}

impl<'a> AllocationRequest<'a> {
    /// The request for the device of `attempt`, which sent `payload`.
    pub(crate) fn new(
        attempt: &'a Attempt,
        payload: Option<&'a RawValue>,
        linked_hubs: &'a [&'a str],
    ) -> Self {
        let enrollment = &attempt.enrollment;
        let record = Some(&enrollment.record);
        Self {
            individual_enrollment: record.filter(|_| enrollment.kind == Kind::Individual),
            enrollment_group: record.filter(|_| enrollment.kind == Kind::Group),
            device_runtime_context: DeviceRuntimeContext {
                registration_id: &attempt.registration_id,
                current_iot_hub_host_name: attempt.current_hub(),
                current_device_id: attempt.current_device_id(),
                symmetric_key: Stripped {},
                payload,
            },
            linked_hubs,
        }
    }
}
