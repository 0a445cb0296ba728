//! The function's name and address come from the app: its folders, its files, and az.

use serde_json::json;

use crate::world::World;

/// The scripts that need the function.
const SCRIPTS: [&str; 4] = ["deploy.sh", "enroll.sh", "rotate-key.sh", "logs.sh"];

/// An app whose one function is `Allocate`, on the route `hubs/now` under the prefix `v1`.
fn renamed() -> World {
    let world = World::new();
    let checkout = world.checkout();
    std::fs::remove_dir_all(checkout.join("HttpTrigger1")).unwrap();
    world.add_function(
        "Allocate",
        r#"{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "request",
            "route" : "hubs/now"}, {"type": "http", "direction": "out", "name": "$return"}]}"#,
    );
    let host = r#"{"version": "2.0", "extensions": {"http": {"routePrefix": "v1"}}}"#;
    std::fs::write(checkout.join("host.json"), host).unwrap();
    world.change(|state| state["functions"] = json!({"Allocate": "v1/hubs/now"}));
    world
}

#[test]
fn every_script_works_with_another_name_and_route() {
    let world = renamed();
    let run = world.run_in_checkout("deploy.sh", &[]);
    run.succeeded();
    let says = "The function answers at https://contoso-app.azurewebsites.net/v1/hubs/now (";
    assert!(run.stdout.contains(says), "{run:#?}");
    for script in ["create-dps.sh", "enroll.sh", "rotate-key.sh", "register-device.sh"] {
        world.run_in_checkout(script, &[]).succeeded();
    }
    let group = &world.state()["enrollment_groups"]["contoso-dps/contoso-custom-allocated-devices"];
    let url = group["customAllocationDefinition"]["webhookUrl"].as_str().unwrap();
    assert!(url.starts_with("https://contoso-app.azurewebsites.net/v1/hubs/now?code=SECRET"), "{url}");
    world.run_in_checkout("logs.sh", &[]).succeeded();
    let query = world.state()["queries"][0].as_str().unwrap().to_owned();
    assert!(query.contains("== 'Function.Allocate.User'"), "{query}");
    assert!(query.contains("startswith 'Function.Allocate'"), "{query}");

    let world = renamed();
    world.run_in_checkout("deploy.sh", &["--with-func"]).succeeded();
}

#[test]
fn a_dry_run_takes_the_address_from_the_apps_files() {
    let address = |world: &World| {
        let run = world.run_in_checkout("enroll.sh", &["--dry-run"]);
        run.succeeded();
        let line = run.stdout.lines().find(|line| line.contains("url = ")).unwrap().to_owned();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let world = renamed();
    let host_json = world.checkout().join("host.json");
    assert_eq!(address(&world), "https://contoso-app.azurewebsites.net/v1/hubs/now?code=****");
    std::fs::write(&host_json, r#"{"extensions":{"http":{"routePrefix":""}}}"#).unwrap();
    assert_eq!(address(&world), "https://contoso-app.azurewebsites.net/hubs/now?code=****");
    std::fs::write(&host_json, "{}").unwrap();
    assert_eq!(address(&world), "https://contoso-app.azurewebsites.net/api/hubs/now?code=****");

    let world = World::new();
    world.checkout();
    assert_eq!(address(&world), "https://contoso-app.azurewebsites.net/api/HttpTrigger1?code=****");
}

#[test]
fn of_several_functions_one_must_be_chosen() {
    let world = World::new();
    world.checkout();
    world.add_function("Allocate", "{}");
    for script in SCRIPTS {
        let says = format!(
            "{script}: invalid settings:\n  FUNCTION (--function): missing, and the app has several: Allocate HttpTrigger1\n"
        );
        world.run_in_checkout(script, &["--dry-run"]).failed(64, &[&says]);
        world.run_in_checkout(script, &["--dry-run", "--function", "Nothing"]).failed(
            64,
            &["FUNCTION (--function): expected one of the app's (Allocate HttpTrigger1), found 'Nothing'\n"],
        );
        let run = world.run_in_checkout(script, &["--dry-run", "--function", "Allocate"]);
        run.succeeded();
        assert!(run.stdout.contains("Allocate") && !run.stdout.contains("HttpTrigger1"), "{run:#?}");
    }
    // In the settings file too, which the option overrides.
    let settings = std::fs::read_to_string(world.path("azure.env")).unwrap();
    std::fs::write(world.path("azure.env"), settings + "FUNCTION=HttpTrigger1\n").unwrap();
    let run = world.run_in_checkout("enroll.sh", &["--dry-run"]);
    run.succeeded();
    assert!(run.stdout.contains("--function-name HttpTrigger1 "), "{run:#?}");
    let run = world.run_in_checkout("enroll.sh", &["--dry-run", "--function=Allocate"]);
    run.succeeded();
    assert!(!run.stdout.contains("HttpTrigger1"), "{run:#?}");
    // The other scripts need no function.
    for script in ["create-dps.sh", "register-device.sh", "cleanup.sh"] {
        world.run_in_checkout(script, &["--dry-run"]).succeeded();
    }
}

#[test]
fn an_app_without_a_function_json_needs_the_name() {
    let world = World::new();
    std::fs::remove_dir_all(world.checkout().join("HttpTrigger1")).unwrap();
    world
        .run_in_checkout("enroll.sh", &["--dry-run"])
        .failed(64, &["FUNCTION (--function): missing, and no folder of the app has a function.json\n"]);
    let run = world.run_in_checkout("enroll.sh", &["--dry-run", "--function", "http-handler1"]);
    run.succeeded();
    assert!(run.stdout.contains("--function-name http-handler1 "), "{run:#?}");
    world
        .run_in_checkout("enroll.sh", &["--dry-run", "--function", "a'b"])
        .failed(64, &["FUNCTION: expected a letter, then up to 127 letters, digits, - and _, found 'a'b'\n"]);
}

#[test]
fn an_address_with_a_parameter_is_refused() {
    let world = renamed();
    world.change(|state| state["functions"] = json!({"Allocate": "v1/hubs/{id}"}));
    world.run_in_checkout("deploy.sh", &[]).failed(
        1,
        &[
            "the function's address has a parameter: https://contoso-app.azurewebsites.net/v1/hubs/{id}\n",
            "a route without one in Allocate/function.json, then deploy.sh: DPS calls one fixed address.",
        ],
    );
}
