//! Which policy decides, and what it says.

use std::collections::HashMap;

use bytes::Bytes;
use journal::Journal;
use serde_json::value::RawValue;

use crate::allocation::hashed::hashed;
use crate::allocation::request::AllocationRequest;
use crate::enrollments::enrollment::{Enrollments, Kind, Policy};
use crate::registration::attempt::Attempt;
use crate::registration::outcome::{Allocated, Failure};
use crate::webhook::{Webhook, WebhookOptions, http_client};

/// Allocates devices.
#[derive(Debug)]
pub(crate) struct Allocator {
    /// Those of the enrollments with a custom policy.
    webhooks: HashMap<(Kind, String), Webhook>,
}

impl Allocator {
    /// An allocator for `enrollments`.
    pub(crate) fn new(enrollments: &Enrollments, options: &WebhookOptions, journal: &Journal) -> Self {
        let client = http_client();
        let webhooks = enrollments.all().filter_map(|enrollment| {
            let Policy::Custom(uri) = &enrollment.policy else { return None };
            let webhook = Webhook::new(uri.clone(), client.clone(), options.clone(), journal.clone());
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
