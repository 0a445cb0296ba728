//! The README's worked example: the lines below the rule stand there word for word, and do what it says.

use dps_custom_allocation::allocation::{Notes, Refusal};
use dps_custom_allocation::function;
use dps_custom_allocation::webhook::{AllocationRequest, AllocationResponse, InitialTwin, TwinProperties};
use serde::Deserialize;
use serde_json::{Map, json};

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
        let answer = function::run(&body.to_string(), &allocate).answer;
        (answer.status, answer.body)
    };
    let assigned = json!({
        "iotHubHostName": "contoso-heatpumps-hub-1",
        "initialTwin": { "tags": { "division": "heatpumps" }, "properties": { "desired": { "state": "ready" } } },
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

pub fn allocate<'a>(
    request: &AllocationRequest<'a>,
    notes: &mut Notes,
) -> Result<AllocationResponse<'a>, Refusal> {
    let Some(payload) = request.device_runtime_context.payload.read_as::<Payload>()? else {
        return Err(Refusal::new("No payload; expected {\"division\": \"toasters\" or \"heatpumps\"}."));
    };
    let hubs = request.linked_hubs()?.unwrap_or_default();
    let wanted = format!("-{}-", payload.division);
    let Some(hub) = hubs.into_iter().find(|hub| hub.contains(&wanted)) else {
        return Err(Refusal::new(format!("No hub of division {} is linked.", payload.division)));
    };
    notes.add(format!("Selected hub : {hub}"));
    Ok(AllocationResponse {
        initial_twin: Some(InitialTwin {
            tags: Some(Map::from_iter([("division".to_owned(), payload.division.into())])),
            properties: Some(TwinProperties {
                desired: Some(Map::from_iter([("state".to_owned(), "ready".into())])),
            }),
        }),
        payload: Some(Map::from_iter([("configuration".to_owned(), "2026-11".into())])),
        ..AllocationResponse::to(hub)
    })
}
