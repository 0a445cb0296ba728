use super::{Case, Notes, Policy, Refusal};
use crate::webhook::{AllocationResponse, InitialTwin};

/// The policy of Microsoft's tutorial in its edition of 2022: two divisions, each with hubs of its own and
/// a twin for its devices to start with.
///
/// Registration ids that contain `-contoso-tstrsd-007` are toasters and go to the linked hub whose name
/// contains `-toasters-`; those that contain `-contoso-hpsd-088` are heat pumps and go to `-heatpumps-`.
/// An id that contains both is a toaster's. Of several such hubs the last one is taken.
///
/// <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>
#[derive(Clone, Copy, Debug, Default)]
pub struct Divisions;

/// A division of Contoso: how its devices and hubs are known, and what its devices start with.
struct Division {
    /// Contained in the registration ids of its devices: anywhere, in this very case.
    device: &'static str,
    /// Contained in the names of its hubs, likewise.
    hub: &'static str,
    no_hub: &'static str,
    device_type: &'static str,
    desired: [(&'static str, &'static str); 2],
}

const DIVISIONS: [Division; 2] = [
    Division {
        device: "-contoso-tstrsd-007",
        hub: "-toasters-",
        no_hub: "No toasters hub found for the enrollment.",
        device_type: "toaster",
        desired: [("state", "ready"), ("darknessSetting", "medium")],
    },
    Division {
        device: "-contoso-hpsd-088",
        hub: "-heatpumps-",
        no_hub: "No heat pumps hub found for the enrollment.",
        device_type: "heatpump",
        desired: [("state", "on"), ("temperatureSetting", "65")],
    },
];

// === impl Divisions ===

impl Policy for Divisions {
    /// Asks in the sample's order: registration id, linked hubs, division, hub of the division.
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        let Some(registration_id) = case.request.device_runtime_context.registration_id()? else {
            notes.add("Registration ID : NULL");
            return Err(Refusal::new("Registration ID not provided for the device."));
        };
        let Some(hubs) = case.request.linked_hubs()? else {
            notes.add("linkedHubs : NULL");
            return Err(Refusal::new("No hub group defined for the enrollment."));
        };
        let Some(division) = DIVISIONS.iter().find(|division| registration_id.contains(division.device))
        else {
            notes.add("Unknown device registration");
            return Err(Refusal::new("Unrecognized device registration."));
        };
        let Some(hub) = hubs.into_iter().rfind(|hub| hub.contains(division.hub)) else {
            notes.add(division.no_hub);
            return Err(Refusal::new(division.no_hub));
        };
        let twin = InitialTwin::tags([("deviceType", division.device_type)]).desired(division.desired);
        Ok(AllocationResponse { initial_twin: Some(twin), ..AllocationResponse::to(hub) })
    }

    fn is_computation(&self) -> bool {
        true
    }
}
