//! Each test holds one thing that the Functions host needs of a custom handler, read from the host's
//! source, <https://github.com/Azure/azure-functions-host> (`src/WebJobs.Script/Workers`), and from
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>.

//!
//! The points are numbered; each test begins with the number of its own.

use std::net::{Ipv4Addr, TcpListener};

use dps_custom_allocation::allocation::{Case, Notes, Policy as _, Refusal, Toasters};
use dps_custom_allocation::webhook::AllocationResponse;

/// Points 1 to 4: where it listens, and what it routes.
mod listening;
/// Points 22 to 30: a process among others, and its end.
mod process;
/// Points 12 to 21: the reply.
mod reply;
/// Points 5 to 11: the request.
mod request;

const ASSIGNED: &str = r#"{"iotHubHostName":"contoso-toasters-hub-1098.azure-devices.net"}"#;

/// A port that was free a moment ago, and that the system gives to nobody who asks for any.
fn free_port() -> u16 {
    let first = 20_000 + std::process::id() as u16 % 10_000;
    let mut ports = (first..32_000).filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    ports.next().expect("a port is free")
}

fn panicking<'a>(case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
    notes.add("noted before");
    match case.request.device_runtime_context.registration_id()?.as_deref() {
        Some("contoso-toaster-007") => panic!("the toaster is on fire"),
        _ => Toasters.allocate(case, notes),
    }
}
