//! enroll.sh.

use serde_json::json;

use crate::world::World;

#[test]
fn the_key_then_the_webhook_then_the_group() {
    let world = World::with_dps();
    let run = world.run("enroll.sh", &[]);
    run.succeeded();
    let state = world.state();
    let group = &state["enrollment_groups"]["contoso-dps/contoso-custom-allocated-devices"];
    assert_eq!(group["allocationPolicy"], "custom");
    world.run("enroll.sh", &["--enrollment-group", "Contoso:Devices_2"]).succeeded();
    world
        .run("enroll.sh", &["--enrollment-group", "ends-with."])
        .failed(64, &["the last one a letter, digit or -"]);
    assert_eq!(group["customAllocationDefinition"]["apiVersion"], "2021-10-01");
    assert_eq!(
        group["iotHubs"],
        json!(["contoso-toasters-hub.azure-devices.net", "contoso-spare-hub.azure-devices.net"])
    );
    let keys = world.keys();
    assert_eq!(keys.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["default", "dps"]);
    assert_eq!(world.key_of_the_enrollment(), keys[1].1, "DPS has a key of its own, not `default`");
    assert!(keys[1].1.ends_with("+/a_-=="), "the model's keys need percent-encoding");

    let position =
        |command: &str| run.calls.iter().position(|call| call.join(" ").starts_with(command)).unwrap();
    assert!(position("az functionapp function keys set") < position("curl"));
    assert!(position("curl") < position("az iot dps enrollment-group create"));
}

#[test]
fn twice_in_a_row_keeps_the_key_and_updates_the_group() {
    let world = World::enrolled();
    let (before, keys) = (world.essence(), world.keys());
    let run = world.run("enroll.sh", &[]);
    run.succeeded();
    assert_eq!((world.essence(), world.keys()), (before, keys));
    assert!(
        run.calls_of("az functionapp function keys set").is_empty(),
        "with a new value DPS would be refused: {run:#?}"
    );
    assert_eq!(run.calls_of("az iot dps enrollment-group update").len(), 1, "{run:#?}");
}

#[test]
fn with_an_az_that_cannot_read_keys_none_is_replaced() {
    // What az 2.87 prints for the keys of every function: https://github.com/Azure/azure-cli/issues/33516
    let world = World::enrolled();
    let az = world.path("bin/az");
    std::fs::rename(&az, world.path("bin/az-of-the-model")).unwrap();
    let script = format!(
        "#!/bin/bash\ncase \"$*\" in *'keys list'*) printf 'id\\nkind\\nname\\nproperties\\ntype\\n' ;; *) exec -a az '{}' \"$@\" ;; esac\n",
        env!("CARGO_BIN_EXE_azure-stub")
    );
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let keys = world.keys();
    for script in ["enroll.sh", "rotate-key.sh"] {
        world
            .run(script, &[])
            .failed(1, &["this version of az cannot read the keys of a function", "az upgrade"]);
    }
    assert_eq!(world.keys(), keys);
}

#[test]
fn a_group_created_in_the_portal_gets_the_policy() {
    let world = World::with_dps();
    world.change(|state| {
        state["enrollment_groups"]["contoso-dps/contoso-custom-allocated-devices"] =
            json!({"enrollmentGroupId": "contoso-custom-allocated-devices", "allocationPolicy": "hashed"});
    });
    world.run("enroll.sh", &[]).succeeded();
    assert_eq!(world.key_of_the_enrollment(), world.keys()[1].1);
    // The script did not create it, so cleanup.sh must not find it on the app.
    assert_eq!(world.resource("Microsoft.Web/sites")["tags"], json!({"created-by": "dps-custom-allocation"}));
}

#[test]
fn the_webhook_is_checked_before_the_enrollment_is_written() {
    for (first, says) in [
        (json!(["401"]), "401: the key in the URL is not one of the function's keys"),
        (
            json!(["404"]),
            "404: the app has no function at this address. The device would get 400207. Run deploy.sh, then enroll.sh again.",
        ),
        (
            json!(["503"]),
            "503: the function exists but fails. DPS would retry for minutes, then the device would get 400207. See scripts/logs.sh.",
        ),
    ] {
        let world = World::with_dps();
        world.change(|state| state["webhook_first"] = first);
        let run = world.run("enroll.sh", &[]);
        run.failed(1, &["failed while calling the webhook as DPS will", says]);
        assert_eq!(world.state()["enrollment_groups"], json!({}), "{run:#?}");
    }
}

#[test]
fn without_a_deployed_function_it_fails() {
    let world = World::new();
    world.run("create-dps.sh", &[]).succeeded();
    world.run("enroll.sh", &[]).failed(1, &["failed while looking for the function", "deploy.sh"]);
}

#[test]
fn an_app_that_is_starting_is_waited_for() {
    for command in
        ["functionapp function show", "functionapp function keys list", "functionapp function keys set"]
    {
        let world = World::with_dps();
        let starting =
            json!({"code": 1, "says": "Encountered an error (ServiceUnavailable) from host runtime."});
        world.change(|state| state["failures"][command] = json!([starting, starting]));
        let run = world.run("enroll.sh", &["--wait-seconds", "60"]);
        run.succeeded();
        let told = run.stdout.matches("  the app is starting: waiting up to 60 s\n").count();
        assert_eq!(told, 1, "{run:#?}");
        assert_eq!(world.essence(), World::enrolled().essence());
        assert_eq!(world.key_of_the_enrollment(), world.keys()[1].1);
    }
}

#[test]
fn a_hub_that_is_not_linked_is_named() {
    let world = World::with_dps();
    world
        .run("enroll.sh", &["--iot-hubs", "contoso-toasters-hub contoso-other-hub"])
        .failed(1, &["the hub contoso-other-hub is not linked to contoso-dps", "create-dps.sh"]);
}

#[test]
fn hubs_are_found_without_regard_to_case() {
    let world = World::with_dps();
    let before = world.state();
    let hubs = ["--iot-hubs", "Contoso-Toasters-Hub CONTOSO-SPARE-HUB"];
    world.run("create-dps.sh", &hubs).succeeded();
    assert_eq!(world.state(), before, "nothing is made or linked again");
    world.run("enroll.sh", &hubs).succeeded();
    let group = &world.state()["enrollment_groups"]["contoso-dps/contoso-custom-allocated-devices"];
    assert_eq!(
        group["iotHubs"],
        json!(["contoso-toasters-hub.azure-devices.net", "contoso-spare-hub.azure-devices.net"])
    );
}

#[test]
fn azures_message_is_printed_without_the_key_in_it() {
    let world = World::enrolled();
    let url = world.state()["enrollment_groups"]["contoso-dps/contoso-custom-allocated-devices"]
        ["customAllocationDefinition"]["webhookUrl"]
        .as_str()
        .unwrap()
        .to_owned();
    let key = world.key_of_the_enrollment();
    world.fail_next(
        "iot dps enrollment-group update",
        1,
        &format!("unrecognized arguments: --webhook-url {url} ({key})"),
    );
    world.run("enroll.sh", &[]).failed(
        1,
        &["unrecognized arguments: --webhook-url https://contoso-app.azurewebsites.net/api/httptrigger1?code=**** (****)"],
    );
}

#[test]
fn a_key_unknown_to_the_script_is_not_printed_either() {
    let world = World::enrolled();
    let url = "https://other.azurewebsites.net/api/Other?code=SECRETother%3d%3d&clientId=dps";
    world.fail_next(
        "iot dps enrollment-group show",
        1,
        &format!("{{'webhookUrl': '{url}'}} and <{url}>, \"{url}\""),
    );
    let masked = "https://other.azurewebsites.net/api/Other?code=****&clientId=dps";
    world
        .run("enroll.sh", &[])
        .failed(1, &[&format!("{{'webhookUrl': '{masked}'}} and <{masked}>, \"{masked}\"")]);
}

#[test]
fn after_throttling_anywhere_a_second_run_completes_it() {
    let expected = World::enrolled().essence();
    for command in [
        "extension add",
        "functionapp function show",
        "functionapp function keys list",
        "functionapp function keys set",
        "iot dps show",
        "iot dps enrollment-group show",
        "resource show",
        "tag update",
        "iot dps enrollment-group create",
    ] {
        let world = World::with_dps();
        world.fail_next(command, 1, "(429) Too Many Requests");
        world.run("enroll.sh", &[]).failed(1, &[&format!("az {command} (exit code 1)"), "wait a minute"]);
        world.run("enroll.sh", &[]).succeeded();
        assert_eq!(world.essence(), expected, "after {command} failed");
        assert_eq!(world.key_of_the_enrollment(), world.keys()[1].1);
    }
}
