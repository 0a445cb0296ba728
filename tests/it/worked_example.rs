//! The README's worked example: the lines below the rule stand there word for word, and do what it says.

use dps_custom_allocation::allocation::{Case, Notes, Refusal, hubs};
use dps_custom_allocation::webhook::{AllocationResponse, InitialTwin};
use serde::Deserialize;
use serde_json::{Map, json};

use crate::decision;

#[test]
fn the_readme_shows_this_example() {
    let (_, example) = include_str!("worked_example.rs").split_once("// === in the README ===\n\n").unwrap();
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("```rust\n{example}```\n")), "the README has another:\n{example}");
}

#[test]
fn it_assigns_by_payload_with_a_twin_and_a_payload() {
    let answer = |payload: serde_json::Value| {
        let body = json!({
            "deviceRuntimeContext": { "registrationId": "r", "payload": payload },
            "linkedHubs": ["contoso-toasters-hub-1", "contoso-heatpumps-hub-1"],
        });
        let answer = decision::run(allocate, &body.to_string()).answer;
        (answer.status, answer.body)
    };
    let assigned = json!({
        "iotHubHostName": "contoso-heatpumps-hub-1",
        "initialTwin": { "properties": { "desired": { "state": "ready" } }, "tags": { "division": "heatpumps" } },
        "payload": { "configuration": "2026-11" },
    });
    assert_eq!(answer(json!({ "division": "heatpumps" })), (200, assigned.to_string()));
    for (payload, words) in [
        (json!(null), "No payload; expected {\"division\": \"toasters\" or \"heatpumps\"}."),
        (json!({ "division": "ovens" }), "No hub of division ovens is linked."),
        (
            json!({ "division": 5 }),
            "The request body has the wrong type at deviceRuntimeContext.payload.division: expected a string, found 5.",
        ),
    ] {
        assert_eq!(answer(payload), (400, words.to_owned()));
    }
}

// === in the README ===

#[derive(Deserialize)]
struct Payload {
    division: String,
}

pub fn allocate<'a>(case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
    let Some(payload) = case.request.device_runtime_context.payload.read_as::<Payload>()? else {
        return Err(Refusal::new("No payload; expected {\"division\": \"toasters\" or \"heatpumps\"}."));
    };
    let linked = case.request.linked_hubs()?.unwrap_or_default();
    let Some(hub) = hubs::containing(&linked, &format!("-{}-", payload.division)) else {
        return Err(Refusal::new(format!("No hub of division {} is linked.", payload.division)));
    };
    notes.add(format!("Selected hub : {hub}"));
    Ok(AllocationResponse {
        initial_twin: Some(InitialTwin::tags([("division", payload.division)]).desired([("state", "ready")])),
        payload: Some(Map::from_iter([("configuration".to_owned(), "2026-11".into())])),
        ..AllocationResponse::to(hub)
    })
}
