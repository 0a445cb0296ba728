//! create-dps.sh.

use serde_json::json;

use crate::world::{TAG, World};

/// The host names that the DPS instance is linked to, in order.
fn linked(world: &World) -> Vec<String> {
    let dps = world.resource("Microsoft.Devices/provisioningServices");
    let hubs = dps["properties"]["iotHubs"].as_array().unwrap();
    hubs.iter().map(|hub| hub["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn hubs_and_the_service_are_made_and_linked() {
    let world = World::new();
    let run = world.run("create-dps.sh", &[]);
    run.succeeded();
    assert_eq!(
        run.stdout.lines().last(),
        Some(
            "contoso-dps is linked to contoso-toasters-hub contoso-spare-hub. Its ID scope, for devices: 0ne00001098"
        )
    );
    assert_eq!(
        world.resources(),
        [
            "Microsoft.Devices/IotHubs contoso-spare-hub",
            "Microsoft.Devices/IotHubs contoso-toasters-hub",
            "Microsoft.Devices/provisioningServices contoso-dps",
        ]
    );
    assert_eq!(
        linked(&world),
        ["contoso-toasters-hub.azure-devices.net", "contoso-spare-hub.azure-devices.net"],
        "in the order of the settings"
    );
    assert_eq!(world.state()["groups"]["contoso-group"]["tags"], json!({TAG.0: TAG.1}));
}

#[test]
fn twice_in_a_row_changes_nothing() {
    let world = World::new();
    world.run("create-dps.sh", &[]).succeeded();
    let before = world.state();
    world.run("create-dps.sh", &[]).succeeded();
    assert_eq!(world.state(), before);
}

#[test]
fn an_existing_hub_is_linked_and_a_new_one_is_added() {
    let world = World::new();
    world.run("create-dps.sh", &["--iot-hubs", "contoso-toasters"]).succeeded();
    // One name is a prefix of the other, and one is given twice.
    world
        .run("create-dps.sh", &["--iot-hubs", "contoso-toasters contoso-toasters-2 contoso-toasters-2"])
        .succeeded();
    assert_eq!(
        linked(&world),
        ["contoso-toasters.azure-devices.net", "contoso-toasters-2.azure-devices.net"]
    );
}

#[test]
fn names_that_are_taken_and_quotas() {
    for (name, step) in [
        ("contoso-toasters-hub", "creating the IoT hub contoso-toasters-hub"),
        ("contoso-dps", "creating the Device Provisioning Service instance"),
    ] {
        let world = World::new();
        world.change(|state| state["names_taken"] = json!([name]));
        world
            .run("create-dps.sh", &[])
            .failed(1, &[step, "is not available", "another name: this one is taken"]);
    }
    let world = World::new();
    world
        .run("create-dps.sh", &["--iot-hub-sku", "F1"])
        .failed(1, &["contoso-spare-hub", "Max number of Iot Hubs", "one F1 hub"]);
}

#[test]
fn after_throttling_anywhere_a_second_run_completes_it() {
    let expected = {
        let world = World::new();
        world.run("create-dps.sh", &[]).succeeded();
        world.essence()
    };
    for command in [
        "account show",
        "group create",
        "resource show",
        "iot hub create",
        "iot dps create",
        "iot dps show",
        "iot dps linked-hub create",
    ] {
        let world = World::new();
        world.fail_next(command, 1, "(429) Too Many Requests");
        world.run("create-dps.sh", &[]).failed(1, &[&format!("az {command} (exit code 1)"), "wait a minute"]);
        world.run("create-dps.sh", &[]).succeeded();
        assert_eq!(world.essence(), expected, "after {command} failed");
    }
}
