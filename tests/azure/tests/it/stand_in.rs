//! The stand-in for az refuses what az refuses, with the same messages.

use std::process::Command;

use serde_json::json;

use crate::world::World;

fn az(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(world.path("bin/az"))
        .args(arguments)
        .env("AZURE_STUB_STATE", world.path("state.json"))
        .env("AZURE_STUB_CALLS", world.path("calls.jsonl"))
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn refused(arguments: &[&str], code: i32, says: &str) {
    let (status, said) = az(&World::new(), arguments);
    assert_eq!((status, said.contains(says)), (Some(code), true), "{arguments:?}: {said}");
}

#[test]
fn unknown_commands_and_flags() {
    refused(&["foo", "bar"], 2, "ERROR: 'foo bar' is misspelled or not recognized by the system.");
    refused(
        &["group", "create", "-n", "x", "-l", "a", "--bogus", "v"],
        2,
        "ERROR: unrecognized arguments: --bogus v",
    );
    // A group has no attestation type: without a certificate it uses symmetric keys.
    let group = [
        "iot",
        "dps",
        "enrollment-group",
        "create",
        "--enrollment-id",
        "g",
        "--attestation-type",
        "symmetricKey",
    ];
    refused(&group, 2, "unrecognized arguments: --attestation-type");
}

#[test]
fn missing_and_invalid_values() {
    refused(&["group", "create", "-n", "x"], 2, "ERROR: the following arguments are required: --location/-l");
    let foo = ["functionapp", "create", "-g", "a", "-n", "b", "-s", "c", "--os-type", "Foo"];
    refused(
        &foo,
        2,
        "ERROR: az functionapp create: 'Foo' is not a valid value for '--os-type'. Allowed values: Linux, Windows.",
    );
    refused(&["group", "create", "-n", "x", "-l"], 2, "expected 1 argument");
    refused(&["account", "show", "--output", "xml"], 2, "'xml' is not a valid value for '--output'");
}

#[test]
fn deprecated_commands_and_flags() {
    refused(
        &["iot", "dps", "compute-device-key", "--registration-id", "x", "--key", "k"],
        2,
        "it is deprecated",
    );
    refused(
        &["iot", "dps", "linked-hub", "create", "--dps-name", "d", "--location", "westus"],
        2,
        "refuses --location: it is deprecated",
    );
    let static_hub =
        ["iot", "dps", "enrollment-group", "create", "--enrollment-id", "g", "--iot-hub-host-name", "h"];
    refused(&static_hub, 2, "refuses --iot-hub-host-name: it is deprecated");
}

#[test]
fn rules_that_az_checks_after_its_arguments() {
    // From azure-cli 2.91.0: the message says --details, but the flag is --show-details.
    refused(
        &["functionapp", "list-flexconsumption-locations", "--runtime", "custom"],
        2,
        "--runtime is only valid with --details",
    );
    let versioned = [
        "functionapp",
        "create",
        "-g",
        "g",
        "-n",
        "a",
        "-s",
        "s",
        "--flexconsumption-location",
        "eastus",
        "--runtime",
        "custom",
        "--runtime-version",
        "1.0",
    ];
    refused(&versioned, 1, "Invalid version 1.0 for runtime custom");
}

#[test]
fn without_a_login_or_the_extension() {
    let world = World::new();
    assert_eq!(az(&world, &["iot", "device", "registration", "create", "--registration-id", "x"]).0, Some(2));
    world.change(|state| state["subscription"] = json!(null));
    let (status, said) = az(&world, &["group", "exists", "-n", "x"]);
    assert_eq!((status, said.as_str()), (Some(1), "ERROR: Please run 'az login' to setup account.\n"));
}
