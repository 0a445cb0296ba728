use dps_custom_allocation::allocation::{Case, Notes, Policy, Refusal, hubs};
use dps_custom_allocation::webhook::AllocationResponse;
use serde_json::Value;

/// The look-up `device` knows each device's hub.
#[derive(Debug)]
pub struct ByRegistry;

impl Policy for ByRegistry {
    fn allocate<'a>(&self, case: &Case<'a>, _: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        let Some(Some(device)) = case.found.get("device") else {
            return Err(Refusal::new("The device is not in the registry."));
        };
        let name = device.get("hub").and_then(Value::as_str).unwrap_or_default();
        let linked = case.request.linked_hubs()?.unwrap_or_default();
        let Some(hub) = hubs::named(&linked, name) else {
            return Err(Refusal::new(format!("The registry's hub {name:?} is not linked.")));
        };
        Ok(AllocationResponse::to(hub))
    }

    fn is_computation(&self) -> bool {
        true
    }
}
