//! Allocation: which hub a device gets, by the policy of its enrollment.
//!
//! <https://learn.microsoft.com/azure/iot-dps/how-to-use-allocation-policies>

mod request;

use std::collections::HashMap;

use bytes::Bytes;
use journal::Journal;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use self::request::AllocationRequest;
use crate::enrollments::enrollment::{Enrollments, Kind, Policy};
use crate::enrollments::linked_hub::Hub;
use crate::registration::attempt::Attempt;
use crate::registration::record::{Allocated, Failure};
use crate::registration_id::fold;
use crate::webhook::{Webhook, WebhookOptions};

/// Allocates devices.
#[derive(Debug)]
pub(crate) struct Allocator {
    /// Those of the enrollments with a custom policy.
    webhooks: HashMap<(Kind, String), Webhook>,
}

impl Allocator {
    /// An allocator for `enrollments`.
    pub(crate) fn new(enrollments: &Enrollments, options: &WebhookOptions, journal: &Journal) -> Self {
        let webhooks = enrollments.all().filter_map(|enrollment| {
            let Policy::Custom(uri) = &enrollment.policy else { return None };
            let webhook = Webhook::new(uri.clone(), options.clone(), journal.clone());
            Some(((enrollment.kind, enrollment.id.clone()), webhook))
        });
        Self { webhooks: webhooks.collect() }
    }

    /// The hub for the device of `attempt`, which sent `payload`.
    pub(crate) async fn allocate(
        &self,
        attempt: &Attempt,
        payload: Option<&RawValue>,
    ) -> Result<Allocated, Failure> {
        let enrollment = &attempt.enrollment;
        let hub = match (&enrollment.policy, attempt.kept_hub()) {
            (Policy::Custom(_), _) => return self.ask_webhook(attempt, payload).await,
            (_, Some(kept)) => kept.to_owned(),
            (Policy::Static(hub), None) => hub.clone(),
            // No hub is nearer than another to a device on this machine, and among hubs with the same latency
            // the service hashes by weight.
            (Policy::Hashed | Policy::GeoLatency, None) => hashed(&attempt.registration_id, &enrollment.hubs),
        };
        Ok(Allocated { hub, initial_twin: None, payload: None })
    }

    /// A webhook is called for a device that keeps its hub too, and that hub is all it can choose from:
    /// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-request>.
    async fn ask_webhook(&self, attempt: &Attempt, payload: Option<&RawValue>) -> Result<Allocated, Failure> {
        let enrollment = &attempt.enrollment;
        let kept = attempt.kept_hub();
        let all = enrollment.hubs.iter().map(|hub| hub.name.as_str());
        let linked_hubs: Vec<&str> = kept.map_or_else(|| all.collect(), |kept| vec![kept]);
        let request = AllocationRequest::new(attempt, payload, &linked_hubs);
        let broken = |problem: String| Failure { code: 500_000, message: problem };
        let body = serde_json::to_vec(&request).map_err(|error| broken(error.to_string()))?;
        let webhook = self.webhooks.get(&(enrollment.kind, enrollment.id.clone()));
        let webhook = webhook.ok_or_else(|| broken("The enrollment has no webhook.".to_owned()))?;
        webhook.ask(&attempt.registration_id, &Bytes::from(body), &linked_hubs, kept).await
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
