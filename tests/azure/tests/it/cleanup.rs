//! cleanup.sh.

use serde_json::json;

use crate::world::World;

#[test]
fn what_the_scripts_created_is_deleted_with_its_group() {
    let world = World::enrolled();
    let run = world.run("cleanup.sh", &["--yes"]);
    run.succeeded();
    for named in [
        "Microsoft.Web/sites contoso-app",
        "contoso-toasters-hub",
        "contoso-spare-hub",
        "contoso-dps",
        "contosostorage",
        "Microsoft.Insights/components contoso-app",
        "ASP-contoso-group-a1b2",
        "the resource group contoso-group itself",
    ] {
        assert!(run.stdout.contains(named), "{named} is not named: {run:#?}");
    }
    assert_eq!(world.state()["groups"], json!({}));
    assert!(world.resources().is_empty() && world.state()["enrollment_groups"] == json!({}));
    // Twice in a row: nothing to do.
    let run = world.run("cleanup.sh", &["--yes"]);
    run.succeeded();
    assert!(run.stdout.contains("There is no resource group contoso-group: nothing to delete."), "{run:#?}");
}

#[test]
fn it_asks_first_and_only_the_groups_name_confirms() {
    let world = World::enrolled();
    let before = world.state();
    for answer in ["", "\n", "y\n", "yes\n", "contoso-grou\n"] {
        let run = world.run_with("cleanup.sh", &[], answer, &[]);
        assert_eq!(run.status.code(), Some(1), "{run:#?}");
        assert!(
            run.stdout.contains("Type the name of the resource group")
                && run.stdout.contains("Nothing was deleted."),
            "{run:#?}"
        );
        assert_eq!(world.state(), before);
    }
    world.run_with("cleanup.sh", &[], "contoso-group\n", &[]).succeeded();
    assert_eq!(world.state()["groups"], json!({}));
}

#[test]
fn what_somebody_else_created_stays() {
    let world = World::enrolled();
    let theirs = [
        json!({"type": "Microsoft.Insights/components", "name": "contoso-app-2", "group": "contoso-group", "tags": {"created-by": "me"}}),
        json!({"type": "Microsoft.KeyVault/vaults", "name": "own-vault", "group": "contoso-group"}),
        json!({"type": "Microsoft.Web/sites", "name": "contoso-app-2", "group": "contoso-group"}),
        json!({"type": "microsoft.alertsmanagement/smartDetectorAlertRules", "name": "Failure Anomalies - contoso-app-2", "group": "contoso-group"}),
        json!({"type": "microsoft.insights/actiongroups", "name": "Application Insights Smart Detection", "group": "contoso-group"}),
    ];
    world.change(|state| state["resources"].as_array_mut().unwrap().extend(theirs.clone()));
    let run = world.run("cleanup.sh", &["--yes"]);
    run.succeeded();
    let left = theirs
        .map(|theirs| format!("{} {}", theirs["type"].as_str().unwrap(), theirs["name"].as_str().unwrap()));
    assert_eq!(world.resources(), left);
    assert!(run.stdout.contains("Kept, because these scripts did not create it:"), "{run:#?}");
    assert!(world.state()["groups"]["contoso-group"].is_object());
    assert!(run.calls_of("az group delete").is_empty(), "{run:#?}");
}

#[test]
fn names_are_compared_ignoring_case_as_azure_does() {
    let names = ["--function-app", "Contoso-App", "--dps-name", "CONTOSO-DPS", "--yes"];
    // Everything is deleted, companions included, but the group stays because of another resource.
    let world = World::enrolled();
    let own = json!({"type": "Microsoft.KeyVault/vaults", "name": "own", "group": "contoso-group"});
    world.change(|state| state["resources"].as_array_mut().unwrap().push(own));
    world.run("cleanup.sh", &names).succeeded();
    assert_eq!(world.resources(), ["Microsoft.KeyVault/vaults own"]);

    // In a DPS instance of somebody else, the scripts' enrollment group and links are found.
    let world = World::enrolled();
    world.change(|state| {
        for resource in state["resources"].as_array_mut().unwrap() {
            if resource["type"] == "Microsoft.Devices/provisioningServices" {
                resource["tags"] = json!({});
                resource["properties"]["iotHubs"][0]["name"] =
                    json!("Contoso-Toasters-Hub.azure-devices.net");
            }
        }
    });
    world.run("cleanup.sh", &names).succeeded();
    assert_eq!(world.resources(), ["Microsoft.Devices/provisioningServices contoso-dps"]);
    let dps = world.resource("Microsoft.Devices/provisioningServices");
    assert_eq!(dps["properties"]["iotHubs"], json!([]));
    assert_eq!(world.state()["enrollment_groups"], json!({}));
}

#[test]
fn the_action_group_that_azure_adds_does_not_keep_the_group() {
    let world = World::enrolled();
    let azures = json!({"type": "microsoft.insights/actiongroups", "name": "Application Insights Smart Detection", "group": "contoso-group"});
    world.change(|state| state["resources"].as_array_mut().unwrap().push(azures));
    world.run("cleanup.sh", &["--yes"]).succeeded();
    assert_eq!(world.state()["groups"], json!({}));
}

#[test]
fn in_a_dps_instance_of_somebody_else_only_the_scripts_part_is_deleted() {
    let world = World::new();
    world.set_state(json!({
        "groups": {"contoso-group": {"location": "westus2", "tags": {}}},
        "resources": [
            {"type": "Microsoft.Devices/IotHubs", "name": "their-hub", "group": "contoso-group"},
            {"type": "Microsoft.Devices/provisioningServices", "name": "contoso-dps", "group": "contoso-group",
             "properties": {"idScope": "0ne1", "iotHubs": [{"name": "their-hub.azure-devices.net"}]}},
        ],
        "enrollment_groups": {"contoso-dps/theirs": {"enrollmentGroupId": "theirs"}},
    }));
    let theirs = world.state();
    world.deploy(&[]).succeeded();
    world.run("create-dps.sh", &[]).succeeded();
    world.run("enroll.sh", &[]).succeeded();
    let run = world.run("cleanup.sh", &["--yes"]);
    run.succeeded();
    assert!(
        run.stdout.contains("the enrollment group contoso-custom-allocated-devices in contoso-dps"),
        "{run:#?}"
    );
    assert!(
        run.stdout.contains("the link of contoso-dps to contoso-spare-hub.azure-devices.net"),
        "{run:#?}"
    );
    let left = world.state();
    assert_eq!(left["enrollment_groups"], theirs["enrollment_groups"]);
    assert_eq!(left["groups"], theirs["groups"]);
    assert_eq!(
        world.resources(),
        ["Microsoft.Devices/IotHubs their-hub", "Microsoft.Devices/provisioningServices contoso-dps"]
    );
    assert_eq!(
        world.resource("Microsoft.Devices/provisioningServices")["properties"]["iotHubs"],
        json!([{"name": "their-hub.azure-devices.net"}])
    );
}

#[test]
fn in_an_app_of_somebody_else_the_tag_of_the_enrollment_group_is_removed() {
    let world = World::new();
    world.set_state(json!({
        "groups": {"contoso-group": {"location": "westus2", "tags": {}}},
        "resources": [
            {"type": "Microsoft.Web/sites", "name": "contoso-app", "group": "contoso-group", "tags": {"team": "a b"},
             "properties": {"functionKeys": {}}},
            {"type": "Microsoft.Devices/IotHubs", "name": "hub", "group": "contoso-group"},
            {"type": "Microsoft.Devices/provisioningServices", "name": "contoso-dps", "group": "contoso-group",
             "properties": {"idScope": "0ne1", "iotHubs": [{"name": "hub.azure-devices.net"}]}},
        ],
    }));
    world.deploy(&[]).succeeded();
    world.run("enroll.sh", &["--iot-hubs", "hub"]).succeeded();
    world.run("cleanup.sh", &["--yes"]).succeeded();
    assert_eq!(world.state()["enrollment_groups"], json!({}));
    assert_eq!(world.resource("Microsoft.Web/sites")["tags"], json!({"team": "a b"}));
    let run = world.run("cleanup.sh", &["--yes"]);
    run.succeeded();
    assert!(run.stdout.contains("Nothing in contoso-group was created by these scripts"), "{run:#?}");
}

#[test]
fn an_enrollment_group_created_in_the_portal_stays() {
    let world = World::new();
    world.set_state(json!({
        "groups": {"contoso-group": {"location": "westus2", "tags": {}}},
        "resources": [{"type": "Microsoft.Devices/provisioningServices", "name": "contoso-dps", "group": "contoso-group",
                       "properties": {"idScope": "0ne1", "iotHubs": []}}],
        "enrollment_groups": {"contoso-dps/contoso-custom-allocated-devices": {"allocationPolicy": "hashed"}},
    }));
    world.deploy(&[]).succeeded();
    world.run("create-dps.sh", &[]).succeeded();
    world.run("enroll.sh", &[]).succeeded();
    let run = world.run("cleanup.sh", &["--yes"]);
    run.succeeded();
    assert!(run.calls_of("az iot dps enrollment-group delete").is_empty(), "{run:#?}");
    assert_eq!(world.state()["enrollment_groups"].as_object().unwrap().len(), 1);
}

#[test]
fn a_group_with_nothing_of_the_scripts_is_left_alone() {
    let world = World::new();
    world.set_state(json!({
        "groups": {"contoso-group": {"location": "westus2", "tags": {"created-by": "somebody"}}},
        "resources": [{"type": "Microsoft.Web/sites", "name": "contoso-app", "group": "contoso-group"},
                      {"type": "Microsoft.Insights/components", "name": "contoso-app", "group": "contoso-group"}],
    }));
    let before = world.resources();
    let run = world.run("cleanup.sh", &["--yes"]);
    run.succeeded();
    assert!(
        run.stdout.contains("Nothing in contoso-group was created by these scripts: nothing to delete."),
        "{run:#?}"
    );
    assert_eq!(world.resources(), before);
}

#[test]
fn after_throttling_a_second_run_completes_it() {
    for command in ["group show", "resource list", "group delete"] {
        let world = World::enrolled();
        world.fail_next(command, 1, "(429) Too Many Requests");
        world
            .run("cleanup.sh", &["--yes"])
            .failed(1, &[&format!("az {command} (exit code 1)"), "wait a minute"]);
        world.run("cleanup.sh", &["--yes"]).succeeded();
        assert_eq!(world.state()["groups"], json!({}));
    }
}
