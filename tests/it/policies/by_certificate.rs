use std::time::Duration;

use dps_custom_allocation::allocation::{Case, Notes, Policy, Refusal, hubs};
use dps_custom_allocation::certificate::Certificate;
use dps_custom_allocation::webhook::AllocationResponse;

/// Contoso's devices go to the hub of their plant, which is a unit in their certificate's subject.
#[derive(Debug)]
pub struct ByCertificate;

const A_WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Policy for ByCertificate {
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        let Some(certificate) = Certificate::of(case.request)? else {
            return Err(Refusal::new("Expected a device with a certificate."));
        };
        if certificate.subject.get("O") != Some("Contoso, Ltd.") {
            return Err(Refusal::new("The certificate is not Contoso's."));
        }
        if certificate.not_after.is_some_and(|end| end < case.now + A_WEEK) {
            notes.add("the certificate ends within a week");
        }
        let linked = case.request.linked_hubs()?.unwrap_or_default();
        let plants = certificate.subject.values("OU").iter().filter_map(|unit| unit.strip_prefix("Plant "));
        let hub = plants.filter_map(|plant| hubs::named(&linked, &format!("contoso-plant-{plant}"))).next();
        hub.map(AllocationResponse::to)
            .ok_or_else(|| Refusal::new("No hub of the certificate's plant is linked."))
    }

    fn is_computation(&self) -> bool {
        true
    }
}
