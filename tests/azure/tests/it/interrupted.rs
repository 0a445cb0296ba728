//! Killed at every call, before it has an effect and after, then run again: the result is the same.

use serde_json::{Value, json};

use crate::run::Run;
use crate::world::{World, repository};

/// Runs `script` in worlds that `prepare` makes, killed at each of its calls, and again until it is done.
fn killed_everywhere(prepare: fn() -> World, script: fn(&World, &[(&str, &str)]) -> Run, check: fn(&World)) {
    let (calls, expected) = {
        let world = prepare();
        let run = script(&world, &[]);
        run.succeeded();
        check(&world);
        (run.calls.len(), world.essence())
    };
    assert!(calls >= 5, "expected at least 5 calls, found {calls}");
    for call in 1..=calls {
        for moment in ["before", "after"] {
            let world = prepare();
            script(&world, &[("AZURE_STUB_KILL_AT", &call.to_string()), ("AZURE_STUB_KILL", moment)])
                .was_killed();
            let run = script(&world, &[]);
            assert!(run.status.success(), "killed {moment} call {call}, then: {run:#?}");
            check(&world);
            assert_eq!(world.essence(), expected, "killed {moment} call {call}");
        }
    }
}

#[test]
fn deploy() {
    killed_everywhere(
        World::new,
        |world, variables| {
            let package = world.path("app.zip");
            world.run_with("deploy.sh", &["--package", package.to_str().unwrap()], "", variables)
        },
        |world| assert_eq!(world.resource("Microsoft.Web/sites")["properties"]["published"], true),
    );
}

#[test]
fn deploy_between_the_app_and_its_application_insights() {
    let world = World::new();
    let create = ["az", "functionapp", "create"];
    let number = world.deploy(&[]).calls.iter().position(|call| call.starts_with(&create.map(str::to_owned)));
    let number = (number.unwrap() + 1).to_string();

    let world = World::new();
    let package = world.path("app.zip");
    let variables = [("AZURE_STUB_KILL_AT", number.as_str()), ("AZURE_STUB_KILL", "half-way")];
    world.run_with("deploy.sh", &["--package", package.to_str().unwrap()], "", &variables).was_killed();
    let insights = "Microsoft.Insights/components contoso-app".to_owned();
    assert!(!world.resources().contains(&insights), "{:?}", world.resources());

    let run = world.deploy(&[]);
    run.succeeded();
    let says = "contoso-app, Application Insights, Turn on, with contoso-app as its name.";
    assert!(run.stdout.contains(says), "{run:#?}");
    assert_eq!(world.resource("Microsoft.Web/sites")["properties"]["published"], true);
    // When it exists, nothing is said.
    assert!(!World::deployed().deploy(&[]).stdout.contains("Turn on"));
}

#[test]
fn create_dps() {
    killed_everywhere(
        World::new,
        |world, variables| world.run_with("create-dps.sh", &[], "", variables),
        |world| {
            let dps = world.resource("Microsoft.Devices/provisioningServices");
            assert_eq!(dps["properties"]["iotHubs"].as_array().map(Vec::len), Some(2));
        },
    );
}

#[test]
fn enroll() {
    killed_everywhere(
        World::with_dps,
        |world, variables| world.run_with("enroll.sh", &[], "", variables),
        |world| assert_eq!(world.key_of_the_enrollment(), world.keys()[1].1),
    );
}

#[test]
fn rotate_key() {
    killed_everywhere(
        World::enrolled,
        |world, variables| {
            let run = world.run_with("rotate-key.sh", &[], "", variables);
            // Whatever happened, the key that DPS has is one of the function's.
            let held = world.key_of_the_enrollment();
            assert!(
                world.keys().iter().any(|(_, value)| *value == held),
                "DPS has no valid key after {run:#?}"
            );
            run
        },
        |world| {
            let keys = world.keys();
            let (name, value) = keys.last().unwrap();
            assert_eq!(*value, world.key_of_the_enrollment());
            assert_eq!(keys.len(), 2, "an old key is left: {name}");
        },
    );
}

#[test]
fn cleanup() {
    killed_everywhere(
        || {
            let world = World::enrolled();
            world.change(|state| {
                let own = json!({"type": "Microsoft.KeyVault/vaults", "name": "own", "group": "contoso-group", "tags": {}});
                state["resources"].as_array_mut().unwrap().push(own);
            });
            world
        },
        |world, variables| world.run_with("cleanup.sh", &["--yes"], "", variables),
        |world| assert_eq!(world.resources(), ["Microsoft.KeyVault/vaults own"]),
    );
}

#[test]
fn cleanup_of_a_whole_group_and_of_a_part_in_somebody_elses_dps() {
    killed_everywhere(
        World::enrolled,
        |world, variables| world.run_with("cleanup.sh", &["--yes"], "", variables),
        |world| assert_eq!(world.state()["groups"], json!({})),
    );
    killed_everywhere(
        || {
            let world = World::enrolled();
            world.change(|state| {
                for resource in state["resources"].as_array_mut().unwrap() {
                    if resource["type"] == "Microsoft.Devices/provisioningServices" {
                        resource["tags"] = json!({});
                    }
                }
            });
            world
        },
        |world, variables| world.run_with("cleanup.sh", &["--yes"], "", variables),
        |world| {
            assert_eq!(world.resources(), ["Microsoft.Devices/provisioningServices contoso-dps"]);
            let dps = world.resource("Microsoft.Devices/provisioningServices");
            assert_eq!(dps["properties"]["iotHubs"], Value::Array(Vec::new()));
            assert_eq!(world.state()["enrollment_groups"], json!({}));
        },
    );
}

#[test]
fn ctrl_c_says_how_to_continue() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let world = World::enrolled();
        let az = world.path("bin/az");
        std::fs::remove_file(&az).unwrap();
        // To the whole process group, as a terminal sends it.
        std::fs::write(&az, format!("#!/bin/sh\nkill -{signal} 0\nsleep 60\n")).unwrap();
        std::fs::set_permissions(&az, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let script = repository().join("scripts/enroll.sh");
        let mut command = world.command("/usr/bin/env");
        // A job in the background is started with SIGINT ignored, which a shell cannot undo.
        let python = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])";
        command.args(["python3", "-c", python]).arg(script).arg("--settings").arg(world.path("azure.env"));
        let run = world.finish(command, "");
        let says = "enroll.sh: stopped while checking that you are signed in. Run it again to continue from there.\n";
        run.failed(code, &[says]);
        assert_eq!(run.stderr, says);
    }
}
