use dps_custom_allocation::allocation::{Divisions, Policy as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::decision::{Decision, decide};

const TOASTER_ID: &str = "breakroom499-contoso-tstrsd-007";
const HEAT_PUMP_ID: &str = "mainbuilding167-contoso-hpsd-088";

/// The answers of the tutorial's log, byte for byte but for the number in the hubs' names.
const TOASTER: &str = r#"{"iotHubHostName":"contoso-toasters-hub-1","initialTwin":{"properties":{"desired":{"state":"ready","darknessSetting":"medium"}},"tags":{"deviceType":"toaster"}}}"#;
const HEAT_PUMP: &str = r#"{"iotHubHostName":"contoso-heatpumps-hub-1","initialTwin":{"properties":{"desired":{"state":"on","temperatureSetting":"65"}},"tags":{"deviceType":"heatpump"}}}"#;

const NO_ID: (&str, &str) = ("Registration ID not provided for the device.", "Registration ID : NULL");
const NO_HUBS: (&str, &str) = ("No hub group defined for the enrollment.", "linkedHubs : NULL");
const UNKNOWN: (&str, &str) = ("Unrecognized device registration.", "Unknown device registration");
const NO_TOASTERS: (&str, &str) =
    ("No toasters hub found for the enrollment.", "No toasters hub found for the enrollment.");
const NO_HEAT_PUMPS: (&str, &str) =
    ("No heat pumps hub found for the enrollment.", "No heat pumps hub found for the enrollment.");

fn body(registration_id: impl Into<Value>, hubs: &[&str]) -> String {
    let id = registration_id.into();
    json!({ "deviceRuntimeContext": { "registrationId": id }, "linkedHubs": hubs }).to_string()
}

#[test]
fn devices_go_to_their_division_with_its_twin() {
    const HUBS: [&str; 2] = ["contoso-toasters-hub-1", "contoso-heatpumps-hub-1"];
    for (what, body, answer) in [
        ("a toaster", body(TOASTER_ID, &HUBS), TOASTER),
        ("a heat pump", body(HEAT_PUMP_ID, &HUBS), HEAT_PUMP),
        ("hubs in the other order", body(HEAT_PUMP_ID, &[HUBS[1], HUBS[0]]), HEAT_PUMP),
        ("the suffix anywhere", body("a-contoso-tstrsd-007-b", &HUBS), TOASTER),
        ("both suffixes", body("a-contoso-hpsd-088-contoso-tstrsd-007", &HUBS), TOASTER),
        (
            "the last of several hubs",
            body(TOASTER_ID, &["contoso-toasters-hub-0", HUBS[0], HUBS[1]]),
            TOASTER,
        ),
        (
            "a re-registration with a payload",
            json!({
                "deviceRuntimeContext": {
                    "registrationId": TOASTER_ID, "currentIotHubHostName": HUBS[1],
                    "currentDeviceId": TOASTER_ID, "symmetricKey": {}, "payload": { "a": 1 },
                },
                "linkedHubs": HUBS,
            })
            .to_string(),
            TOASTER,
        ),
    ] {
        let expected = Decision { status: 200, answer: answer.to_owned(), notes: Vec::new() };
        assert_eq!(decide(&Divisions, &body), expected, "{what}: {body}");
    }
}

#[test]
fn every_other_device_is_refused_in_the_samples_words() {
    const HUBS: [&str; 1] = ["contoso-toasters-hub-1"];
    let device = |members: &str| format!(r#"{{"deviceRuntimeContext":{members}}}"#);
    let toaster = |hubs: &str| {
        format!(r#"{{"deviceRuntimeContext":{{"registrationId":"{TOASTER_ID}"}},"linkedHubs":{hubs}}}"#)
    };
    for (what, body, (answer, note)) in [
        ("an empty body", String::new(), NO_ID),
        ("null", "null".to_owned(), NO_ID),
        ("no context", "{}".to_owned(), NO_ID),
        ("no id", body(Value::Null, &HUBS), NO_ID),
        ("an id in another casing", device(r#"{"RegistrationId":"a"}"#), NO_ID),
        ("no id, hubs of the wrong type", r#"{"linkedHubs":5}"#.to_owned(), NO_ID),
        ("no hubs", device(r#"{"registrationId":"a-contoso-tstrsd-007"}"#), NO_HUBS),
        ("hubs null", toaster("null"), NO_HUBS),
        ("hubs are asked for before the division", device(r#"{"registrationId":"a"}"#), NO_HUBS),
        ("another device", body("contoso-toaster-007", &HUBS), UNKNOWN),
        ("another device, empty hubs", body("a", &[]), UNKNOWN),
        ("an empty id", body("", &HUBS), UNKNOWN),
        ("no hyphen in front", body("contoso-tstrsd-007", &HUBS), UNKNOWN),
        ("another case", body("a-Contoso-tstrsd-007", &HUBS), UNKNOWN),
        ("a number for an id", body(7, &HUBS), UNKNOWN),
        ("a toaster, empty hubs", body(TOASTER_ID, &[]), NO_TOASTERS),
        ("a toaster, no toasters hub", body(TOASTER_ID, &["contoso-heatpumps-hub-1"]), NO_TOASTERS),
        ("a hub without a hyphen in front", body(TOASTER_ID, &["toasters-hub-1"]), NO_TOASTERS),
        ("a hub in another case", body(TOASTER_ID, &["contoso-Toasters-hub-1"]), NO_TOASTERS),
        ("a heat pump, empty hubs", body(HEAT_PUMP_ID, &[]), NO_HEAT_PUMPS),
        ("a heat pump, no heat pumps hub", body(HEAT_PUMP_ID, &HUBS), NO_HEAT_PUMPS),
    ] {
        let expected = Decision { status: 400, answer: answer.to_owned(), notes: vec![note.to_owned()] };
        assert_eq!(decide(&Divisions, &body), expected, "{what}: {body}");
    }
}

#[test]
fn a_wrong_type_is_refused_where_the_sample_throws() {
    for (body, place) in [
        (
            r#"{"deviceRuntimeContext":{"registrationId":[]}}"#.to_owned(),
            "deviceRuntimeContext.registrationId",
        ),
        (r#"{"deviceRuntimeContext":{"registrationId":"a"},"linkedHubs":"h"}"#.to_owned(), "linkedHubs"),
        (
            r#"{"deviceRuntimeContext":{"registrationId":"a"},"linkedHubs":["h",null]}"#.to_owned(),
            "linkedHubs[1]",
        ),
    ] {
        let Decision { status, answer, notes } = decide(&Divisions, &body);
        assert_eq!((status, notes), (400, vec![]), "{body}");
        assert!(answer.starts_with(&format!("The request body has the wrong type at {place}: ")), "{answer}");
    }
}

#[test]
fn it_never_waits() {
    assert!(Divisions.is_computation());
}

proptest! {
    #[test]
    fn an_assigned_hub_is_the_last_of_its_division(
        id in "[a-z]{0,3}(-contoso-tstrsd-007|-contoso-hpsd-088|contoso-tstrsd-007|-contoso-)?[a-z]{0,3}",
        hubs in proptest::collection::vec("[a-z]{0,3}(-toasters-|-heatpumps-|-)?[0-9]{0,2}", 0..6),
    ) {
        let names: Vec<&str> = hubs.iter().map(String::as_str).collect();
        let Decision { status, answer, .. } = decide(&Divisions, &body(id.as_str(), &names));
        let division = match id.as_str() {
            id if id.contains("-contoso-tstrsd-007") => Some(("-toasters-", "toaster", NO_TOASTERS)),
            id if id.contains("-contoso-hpsd-088") => Some(("-heatpumps-", "heatpump", NO_HEAT_PUMPS)),
            _ => None,
        };
        let Some((part, device_type, (no_hub, _))) = division else {
            prop_assert_eq!((status, answer.as_str()), (400, UNKNOWN.0));
            return Ok(());
        };
        match names.iter().rev().find(|hub| hub.contains(part)) {
            None => prop_assert_eq!((status, answer.as_str()), (400, no_hub)),
            Some(hub) => {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                prop_assert_eq!(status, 200);
                prop_assert_eq!(answer["iotHubHostName"].as_str(), Some(*hub));
                prop_assert_eq!(answer["initialTwin"]["tags"]["deviceType"].as_str(), Some(device_type));
            }
        }
    }

    #[test]
    fn any_text_as_a_body(body in ".{0,200}") {
        prop_assert_eq!(decide(&Divisions, &body).status, 400);
    }
}
