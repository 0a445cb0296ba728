//! The Rust policies of `docs/policies.md`: each stands there word for word, and does what it says.

#[cfg(feature = "certificates")]
mod by_certificate;
mod by_payload;
mod by_registry;
mod spread;

use std::collections::BTreeMap;

use dps_custom_allocation::allocation::Policy;
use serde_json::{Map, Value, json};

use self::by_payload::ByPayload;
use self::by_registry::ByRegistry;
use self::spread::Spread;
use crate::decision::{Besides, Decision, decide, decide_with};

const DOCS: &str = include_str!("../../../docs/policies.md");

#[test]
fn the_docs_show_these_policies() {
    let policies = [
        include_str!("by_certificate.rs"),
        include_str!("by_payload.rs"),
        include_str!("by_registry.rs"),
        include_str!("spread.rs"),
    ];
    for policy in policies {
        assert!(DOCS.contains(&format!("```rust\n{policy}```\n")), "docs/policies.md has another:\n{policy}");
    }
    assert_eq!(DOCS.matches("```rust\n").count(), policies.len(), "every policy of the docs is tested here");
}

/// A device that registers with `context` besides its id, and these hubs linked.
fn body(context: &Value, hubs: &[&str]) -> String {
    let mut body = json!({ "deviceRuntimeContext": { "registrationId": "r" }, "linkedHubs": hubs });
    for (name, value) in context.as_object().into_iter().flatten() {
        body["deviceRuntimeContext"][name] = value.clone();
    }
    body.to_string()
}

fn is(decision: Decision, status: u16, answer: &str) {
    assert_eq!((decision.status, decision.answer.as_str()), (status, answer), "{:?}", decision.notes);
}

#[test]
fn by_payload_gives_a_twin_and_a_payload() {
    const HUBS: [&str; 2] = ["contoso-toasters-hub-1", "contoso-heatpumps-hub-1"];
    let with = |payload: Value| decide(&ByPayload, &body(&json!({ "payload": payload }), &HUBS));
    let assigned = json!({
        "iotHubHostName": "contoso-heatpumps-hub-1",
        "initialTwin": { "properties": { "desired": { "state": "ready" } }, "tags": { "division": "heatpumps" } },
        "payload": { "configuration": "2026-11" },
    });
    let decision = with(json!({ "division": "heatpumps" }));
    assert_eq!(decision.notes, ["division heatpumps"]);
    is(decision, 200, &assigned.to_string());
    is(with(json!(null)), 400, "Expected a payload with a division, found none.");
    is(with(json!({ "division": "ovens" })), 400, "No hub of division ovens is linked.");
    let wrong = with(json!({ "division": 5 }));
    assert!(wrong.answer.contains(" at deviceRuntimeContext.payload.division: "), "{wrong:?}");
    assert_eq!(wrong.status, 400);
}

#[test]
fn by_registry_goes_where_the_registry_says() {
    let registry = |device: Option<Value>| {
        let device = device.map(|device| device.as_object().cloned().unwrap_or_default());
        let besides =
            Besides { found: BTreeMap::from([("device".to_owned(), device)]), ..Besides::default() };
        decide_with(&ByRegistry, &body(&json!({}), &["contoso-a.azure-devices.net"]), &besides)
    };
    is(
        registry(Some(json!({ "hub": "contoso-a" }))),
        200,
        r#"{"iotHubHostName":"contoso-a.azure-devices.net"}"#,
    );
    is(
        registry(Some(json!({ "hub": "contoso-b" }))),
        400,
        r#"The registry's hub "contoso-b" is not linked."#,
    );
    is(registry(Some(json!({}))), 400, r#"The registry's hub "" is not linked."#);
    is(registry(None), 400, "The device is not in the registry.");
}

#[test]
#[cfg(feature = "certificates")]
fn by_certificate_goes_to_the_certificates_plant() {
    const PEM: &str = include_str!("../../fixtures/certificates/contoso-toaster-007.pem");
    let with = |pem: &str, hubs: &[&str]| {
        let context = json!({ "x509": { "clientCertificate": pem } });
        decide(&by_certificate::ByCertificate, &body(&context, hubs))
    };
    let hubs = ["contoso-plant-3.azure-devices.net", "contoso-plant-4.azure-devices.net"];
    is(with(PEM, &hubs), 200, r#"{"iotHubHostName":"contoso-plant-4.azure-devices.net"}"#);
    is(with(PEM, &hubs[..1]), 400, "No hub of the certificate's plant is linked.");
    is(with("hello!", &hubs), 400, "The device's certificate cannot be read: not valid base64.");
    let none = decide(&by_certificate::ByCertificate, &body(&json!({}), &hubs));
    is(none, 400, "Expected a device with a certificate.");
}

#[test]
fn spread_keeps_devices_where_they_are_and_waits_for_the_maintenance() {
    const HUBS: [&str; 2] = ["contoso-a.azure-devices.net", "contoso-b.azure-devices.net"];
    let hub_of = |context: &Value| {
        let decision = decide(&Spread, &body(context, &HUBS));
        let answer: Map<String, Value> = serde_json::from_str(&decision.answer).unwrap();
        answer["iotHubHostName"].as_str().unwrap().to_owned()
    };
    for hub in HUBS {
        assert_eq!(hub_of(&json!({ "currentIotHubHostName": hub })), hub);
    }
    let to_a =
        (0..1000).filter(|n| hub_of(&json!({ "registrationId": format!("device-{n}") })) == HUBS[0]).count();
    assert!((600..733).contains(&to_a), "two thirds: {to_a}");
    is(decide(&Spread, &body(&json!({}), &[])), 400, "No hub is linked.");
    is(decide(&Spread, "{}"), 400, "Registration ID not provided for the device.");
    let settings = BTreeMap::from([("MAINTENANCE".to_owned(), "on".to_owned())]);
    let maintenance = decide_with(&Spread, "{}", &Besides { settings, ..Besides::default() });
    is(maintenance, 503, "The hubs are being maintained.");
}

#[test]
fn they_never_wait() {
    let policies: [&dyn Policy; 3] = [&ByPayload, &ByRegistry, &Spread];
    assert!(policies.iter().all(|policy| policy.is_computation()));
}
