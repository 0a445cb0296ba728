use dps_custom_allocation::allocation::{Case, Notes, Policy, Refusal, hubs};
use dps_custom_allocation::webhook::{AllocationResponse, InitialTwin};
use serde::Deserialize;
use serde_json::Map;

/// Devices say which division they belong to.
#[derive(Debug)]
pub struct ByPayload;

#[derive(Deserialize)]
struct Payload {
    division: String,
}

impl Policy for ByPayload {
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        let Some(Payload { division }) = case.request.device_runtime_context.payload.read_as()? else {
            return Err(Refusal::new("Expected a payload with a division, found none."));
        };
        let linked = case.request.linked_hubs()?.unwrap_or_default();
        let Some(hub) = hubs::containing(&linked, &format!("-{division}-")) else {
            return Err(Refusal::new(format!("No hub of division {division} is linked.")));
        };
        notes.add(format!("division {division}"));
        Ok(AllocationResponse {
            initial_twin: Some(InitialTwin::tags([("division", division)]).desired([("state", "ready")])),
            payload: Some(Map::from_iter([("configuration".to_owned(), "2026-11".into())])),
            ..AllocationResponse::to(hub)
        })
    }

    fn is_computation(&self) -> bool {
        true
    }
}
