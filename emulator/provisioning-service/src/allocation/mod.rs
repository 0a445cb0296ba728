//! Allocation: which hub a device gets, by the policy of its enrollment.
//!
//! <https://learn.microsoft.com/azure/iot-dps/how-to-use-allocation-policies>

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::enrollments::enrollment::{Enrollments, Kind, Policy, Reprovision};
use crate::enrollments::linked_hub::Hub;
use crate::registration::record::{Allocated, Attempt, Failure};
use crate::registration_id::fold;
use crate::webhook::{self, Webhook, WebhookOptions};
use journal::Journal;

/// Allocates devices.
#[derive(Debug)]
pub(crate) struct Allocator {
    /// Those of the enrollments with a custom policy.
    webhooks: HashMap<(Kind, String), Webhook>,
}

/// What a webhook is sent.
///
/// The order of the members is that of the request in
/// <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AllocationRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    individual_enrollment: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrollment_group: Option<&'a RawValue>,
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

// === impl Allocator ===

impl Allocator {
    /// An allocator for `enrollments`.
    pub(crate) fn new(enrollments: &Enrollments, options: &WebhookOptions, journal: &Journal) -> Self {
        let caller = webhook::caller();
        let mut webhooks = HashMap::new();
        for enrollment in enrollments.all() {
            if let Policy::Custom(uri) = &enrollment.policy {
                let webhook = Webhook::new(uri.clone(), caller.clone(), options.clone(), journal.clone());
                webhooks.insert((enrollment.kind, enrollment.id.clone()), webhook);
            }
        }
        Self { webhooks }
    }

    /// The hub for the device of `attempt`, which sent `payload`.
    pub(crate) async fn allocate(
        &self,
        attempt: &Attempt,
        payload: Option<&RawValue>,
    ) -> Result<Allocated, Failure> {
        let enrollment = &attempt.enrollment;
        let hub = match (&enrollment.policy, &attempt.previous) {
            (Policy::Custom(_), _) => return self.ask_webhook(attempt, payload).await,
            (_, Some(previous)) if enrollment.reprovision == Reprovision::Never => {
                previous.assigned_hub.clone()
            }
            (Policy::Static(hub), _) => hub.clone(),
            // No hub is nearer than another to a device on this machine, and among hubs with the same latency
            // the service hashes by weight.
            (Policy::Hashed | Policy::GeoLatency, _) => hashed(&attempt.registration_id, &enrollment.hubs),
        };
        Ok(Allocated { hub, initial_twin: None, payload: None })
    }

    async fn ask_webhook(&self, attempt: &Attempt, payload: Option<&RawValue>) -> Result<Allocated, Failure> {
        let enrollment = &attempt.enrollment;
        let linked_hubs = attempt.linked_hubs();
        let previous = attempt.previous.as_ref();
        let record = Some(&*enrollment.record);
        let request = AllocationRequest {
            individual_enrollment: record.filter(|_| enrollment.kind == Kind::Individual),
            enrollment_group: record.filter(|_| enrollment.kind == Kind::Group),
            device_runtime_context: DeviceRuntimeContext {
                registration_id: &attempt.registration_id,
                current_iot_hub_host_name: previous.map(|previous| &*previous.assigned_hub),
                current_device_id: previous.map(|previous| &*previous.device_id),
                symmetric_key: Stripped {},
                payload,
            },
            linked_hubs: &linked_hubs,
        };
        let broken = |problem: String| Failure { code: 500_000, message: problem };
        let body = serde_json::to_vec(&request).map_err(|error| broken(error.to_string()))?;
        let webhook = self.webhooks.get(&(enrollment.kind, enrollment.id.clone()));
        let webhook = webhook.ok_or_else(|| broken("The enrollment has no webhook.".to_owned()))?;
        webhook.ask(&attempt.registration_id, &Bytes::from(body), &linked_hubs).await
    }
}

/// The hub among `hubs` that the hash of `registration_id` says, each as often as its weight says.
///
/// Rendezvous hashing: a hub that is added or removed moves no device between the others.
fn hashed(registration_id: &str, hubs: &[Hub]) -> String {
    let id = fold(registration_id);
    let score = |hub: &Hub| {
        let digest = Sha256::digest(format!("{id}\n{}", fold(&hub.name)));
        let bits = digest.iter().take(6).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        // 48 bits: exact as a float. Neither 0 nor 1, so that the logarithm is negative and finite.
        #[expect(clippy::cast_precision_loss, reason = "48 bits fit")]
        let uniform = (bits as f64 + 0.5) / (1_u64 << 48) as f64;
        -uniform.ln() / f64::from(hub.weight)
    };
    let best = hubs.iter().min_by(|one, other| score(one).total_cmp(&score(other)));
    best.map_or_else(String::new, |hub| hub.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str, weight: u32) -> Hub {
        Hub { name: name.to_owned(), weight, apply_allocation_policy: true }
    }

    #[test]
    fn hashing_follows_the_weights() {
        let hubs = [hub("a", 1), hub("b", 2), hub("c", 7)];
        let mut counts: HashMap<String, u32> = HashMap::new();
        for nth in 0..10_000 {
            *counts.entry(hashed(&format!("device-{nth}"), &hubs)).or_default() += 1;
        }
        for (name, expected) in [("a", 1_000), ("b", 2_000), ("c", 7_000)] {
            let count = counts[name];
            assert!(count.abs_diff(expected) < 200, "{name} got {count} of 10,000 devices");
        }
    }

    #[test]
    fn a_further_hub_moves_devices_to_itself_only() {
        let (few, more) = ([hub("a", 1), hub("b", 1)], [hub("a", 1), hub("b", 1), hub("c", 1)]);
        for nth in 0..1_000 {
            let id = format!("Device-{nth}");
            let (before, after) = (hashed(&id, &few), hashed(&id, &more));
            assert!(before == after || after == "c", "{id} moved from {before} to {after}");
            assert_eq!(after, hashed(&id.to_uppercase(), &more), "case of {id}");
        }
    }
}
