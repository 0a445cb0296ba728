//! Every rules file in the documents: it has no mistakes, and decides as the text around it says.

use std::path::Path;
use std::time::{Duration, SystemTime};

use dps_custom_allocation::allocation::rules::Rules;
use dps_custom_allocation::allocation::{Case, Found, Notes, Policy as _, PolicySettings};
use dps_custom_allocation::webhook::AllocationRequest;
use serde_json::{Value, json};

/// The blocks of YAML in this document, in their order.
fn examples(document: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// What a decision is made on, besides the rules.
struct World {
    context: Value,
    enrollment: Value,
    hubs: Value,
    settings: &'static [(&'static str, &'static str)],
    device: Option<Value>,
}

const HUBS: [&str; 2] = ["contoso-a.azure-devices.net", "contoso-b.azure-devices.net"];

fn world(context: Value) -> World {
    World { context, enrollment: json!({}), hubs: json!(HUBS), settings: &[], device: None }
}

/// Status and answer, at six in the morning of 1970-01-02.
fn decide(rules: &str, world: &World) -> (u16, String) {
    let rules = Rules::parse(rules).unwrap_or_else(|mistakes| panic!("{mistakes}\n{rules}"));
    let body = json!({
        "enrollmentGroup": world.enrollment,
        "deviceRuntimeContext": world.context,
        "linkedHubs": world.hubs,
    })
    .to_string();
    let request = AllocationRequest::parse(&body).unwrap();
    let found: Found = rules
        .lookups()
        .iter()
        .map(|lookup| (lookup.name.clone(), world.device.as_ref().and_then(Value::as_object).cloned()))
        .collect();
    let settings: PolicySettings =
        world.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(30 * 60 * 60);
    let case = Case { request: &request, body: &body, found: &found, settings: &settings, now };
    match rules.allocate(&case, &mut Notes::default()) {
        Ok(response) => (200, serde_json::to_string(&response).unwrap()),
        Err(refusal) => (if refusal.asks_again() { 503 } else { 400 }, refusal.to_string()),
    }
}

fn id(id: &str) -> Value {
    json!({ "registrationId": id })
}

fn assigned(hub: &str) -> (u16, String) {
    (200, json!({ "iotHubHostName": hub }).to_string())
}

fn refused(words: &str) -> (u16, String) {
    (400, words.to_owned())
}

#[test]
fn every_rules_file_of_the_documents_decides_as_it_says() {
    let documents = examples("docs/policies.md");
    let mut tried = vec![0; documents.len()];
    let mut check = |nth: usize, world: World, expected: (u16, String)| {
        tried[nth] += 1;
        assert_eq!(decide(&documents[nth], &world), expected, "{}", documents[nth]);
    };
    let with = |hubs: Value, context: Value| World { hubs, ..world(context) };
    // Choosing hubs.
    let cities = json!(["contoso-berlin.azure-devices.net", "contoso-paris-1.azure-devices.net"]);
    let berlin = assigned("contoso-berlin.azure-devices.net");
    check(0, with(cities.clone(), id("berlin-1")), berlin.clone());
    check(0, with(cities.clone(), id("paris-1")), assigned("contoso-paris-1.azure-devices.net"));
    let moved =
        json!({ "registrationId": "paris-1", "currentIotHubHostName": "contoso-berlin.azure-devices.net" });
    check(0, with(cities, moved), berlin);
    // A twin.
    let twin = json!({
        "iotHubHostName": "contoso-toasters-hub-1",
        "initialTwin": {
            "properties": { "desired": { "state": "ready", "darknessSetting": "medium" } },
            "tags": { "deviceType": "toaster", "group": "g" },
        },
    });
    let toaster = id("breakroom499-contoso-tstrsd-007");
    let in_group = World {
        enrollment: json!({ "enrollmentGroupId": "g" }),
        ..with(json!(["contoso-toasters-hub-1"]), toaster)
    };
    check(1, in_group, (200, twin.to_string()));
    // The payload.
    check(2, world(id("x")), refused("Expected a payload with a division, found none."));
    let payload = json!({ "registrationId": "x", "payload": { "division": "heatpumps" } });
    let heat_pump = json!({
        "iotHubHostName": "contoso-heatpumps-hub-1",
        "initialTwin": { "properties": { "desired": { "state": "ready" } }, "tags": { "division": "heatpumps" } },
        "payload": { "configuration": "2026-11" },
    });
    check(2, with(json!(["contoso-heatpumps-hub-1"]), payload), (200, heat_pump.to_string()));
    // Settings.
    let pilot: &[_] = &[("PILOT_HUB", "contoso-b"), ("PILOT_DEVICES", "x,y")];
    check(3, World { settings: pilot, ..world(id("y")) }, assigned(HUBS[1]));
    check(3, World { settings: pilot, ..world(id("z")) }, assigned(HUBS[0]));
    // Look-ups: an input binding, a file, PostgreSQL, a service.
    let row =
        json!({ "Hub": "contoso-b", "Site": "Bonn", "hub": "contoso-b", "site": "Bonn", "status": "active" });
    let with_site =
        json!({ "iotHubHostName": HUBS[1], "initialTwin": { "tags": { "site": "Bonn" } } }).to_string();
    for nth in [4, 5, 6, 7] {
        let expected = if nth == 7 { assigned(HUBS[1]) } else { (200, with_site.clone()) };
        check(nth, World { device: Some(row.clone()), ..world(id("x")) }, expected);
    }
    check(4, world(id("x")), refused("The device is not in the registry."));
    check(5, world(id("x")), refused("The device is not in devices.csv."));
    let retired = json!({ "status": "retired" });
    check(5, World { device: Some(retired), ..world(id("x")) }, refused("The device is retired."));
    check(6, world(id("x")), refused("Unrecognized device registration."));
    // Certificates.
    check(8, world(id("x")), refused("Expected a device with a certificate."));
    let info = |subject: &str| {
        json!({ "attestation": { "type": "x509", "x509": { "signingCertificates": { "primary": { "info": {
            "subjectName": subject, "issuerName": "CN=Fabrikam Devices CA", "sha256Thumbprint": "AB",
            "serialNumber": "0C", "notBeforeUtc": "1970-01-01T00:00:00Z", "notAfterUtc": "1970-01-01T00:00:00Z",
        } } } } } })
    };
    let plants = json!(["contoso-plant-4.azure-devices.net", "contoso-suppliers.azure-devices.net"]);
    let certified = |subject: &str| World { enrollment: info(subject), ..with(plants.clone(), id("x")) };
    check(8, certified("CN=x, OU=Plant 4"), assigned("contoso-plant-4.azure-devices.net"));
    check(8, certified("CN=x"), assigned("contoso-suppliers.azure-devices.net"));
    let withdrawn = World { settings: &[("WITHDRAWN", "cd,ab")], ..certified("CN=x") };
    check(8, withdrawn, refused("The certificate is withdrawn."));
    // A spread: of 1,000 devices two thirds go to the hub with twice the weight.
    let to_a =
        (0..1000).filter(|nth| decide(&documents[9], &world(id(&format!("d{nth}")))) == assigned(HUBS[0]));
    let to_a = to_a.count();
    assert!((600..730).contains(&to_a), "{to_a}");
    check(9, with(json!([HUBS[1]]), id("x")), assigned(HUBS[1]));
    // Ask again.
    let maintenance = World { settings: &[("MAINTENANCE", "on")], ..world(id("x")) };
    check(10, maintenance, (503, "The registry is being moved.".to_owned()));
    check(10, with(json!([HUBS[0]]), id("x")), assigned(HUBS[0]));
    // The clock.
    let ended = World { enrollment: info("CN=x"), ..world(id("x")) };
    check(11, ended, refused("The certificate has ended."));
    let by_day = json!({
        "iotHubHostName": HUBS[0],
        "initialTwin": { "properties": { "desired": { "provisioned": "1970-01-02T06:00:00Z" } } },
    });
    check(11, with(json!([HUBS[0]]), id("x")), (200, by_day.to_string()));
    assert!(tried.iter().all(|times| *times > 0), "every example is tried: {tried:?}");
}

#[test]
fn the_readmes_rules_decide() {
    let [rules] = &examples("README.md")[..] else { panic!("one example") };
    let retired = World { device: Some(json!({ "status": "retired" })), ..world(id("x")) };
    assert_eq!(decide(rules, &retired), refused("The device is retired."));
    assert_eq!(decide(rules, &world(id("contoso-toaster-007"))), assigned(HUBS[0]));
    let (status, answer) = decide(rules, &world(id("x")));
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#""tags":{"registered":"1970-01-02T06:00:00"#), "{answer}");
}
