use super::{Case, Notes, Policy, Refusal};
use crate::webhook::AllocationResponse;

/// The policy of Microsoft's tutorial in its edition with one hub: toasters go to the first linked hub, every other
/// device is refused.
///
/// <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>
#[derive(Clone, Copy, Debug)]
pub struct Toasters;

/// What every registration id of a Contoso toaster contains: anywhere, in this very case.
const TOASTER: &str = "contoso-toaster";

// === impl Toasters ===

impl Policy for Toasters {
    /// Asks in the sample's order: registration id, linked hubs, kind of device. A refusal has the sample's words, or
    /// those of [`Malformed`](crate::webhook::Malformed) where the sample would throw.
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        let Some(registration_id) = case.request.device_runtime_context.registration_id()? else {
            notes.add("Registration ID : NULL");
            return Err(Refusal::new("Registration ID not provided for the device."));
        };
        let Some(hubs) = case.request.linked_hubs()? else {
            return Err(no_hubs(notes));
        };
        if !registration_id.contains(TOASTER) {
            notes.add("Unknown device registration");
            return Err(Refusal::new("Unrecognized device registration."));
        }
        for hub in &hubs {
            notes.add(format!("linkedHub : {hub}"));
        }
        let Some(hub) = hubs.into_iter().next() else {
            return Err(no_hubs(notes));
        };
        notes.add(format!("Selected hub : {hub}"));
        Ok(AllocationResponse::to(hub))
    }

    fn is_computation(&self) -> bool {
        true
    }
}

fn no_hubs(notes: &mut Notes) -> Refusal {
    notes.add("linkedHubs : NULL");
    Refusal::new("No hub group defined for the enrollment.")
}
