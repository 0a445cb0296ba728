use dps_custom_allocation::allocation::{Case, Notes, Policy, Refusal, hubs};
use dps_custom_allocation::webhook::AllocationResponse;

/// Devices stay where they are; new ones are spread, twice as many to `contoso-a` as to any other hub.
#[derive(Debug)]
pub struct Spread;

impl Policy for Spread {
    fn allocate<'a>(&self, case: &Case<'a>, _: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        if case.settings.get("MAINTENANCE").is_some_and(|setting| setting == "on") {
            return Err(Refusal::ask_again("The hubs are being maintained."));
        }
        let Some(registration_id) = case.request.device_runtime_context.registration_id()? else {
            return Err(Refusal::new("Registration ID not provided for the device."));
        };
        let linked = case.request.linked_hubs()?.unwrap_or_default();
        if let Some(hub) = hubs::current(&linked, case.request)? {
            return Ok(AllocationResponse::to(hub));
        }
        let weight = |hub: &str| if hubs::is_named(hub, "contoso-a") { 2.0 } else { 1.0 };
        let hub = hubs::spread(&linked, weight, &registration_id);
        hub.map(AllocationResponse::to).ok_or_else(|| Refusal::new("No hub is linked."))
    }

    fn is_computation(&self) -> bool {
        true
    }
}
