//! deploy.sh.

use serde_json::json;

use crate::world::{TAG, World};

const PLAN: &str = "Microsoft.Web/serverFarms ASP-contoso-group-a1b2";

#[test]
fn from_nothing_to_a_function_that_answers() {
    let world = World::new();
    let run = world.deploy(&[]);
    run.succeeded();
    assert_eq!(
        run.stdout.lines().last(),
        Some(
            "The function answers at https://contoso-app.azurewebsites.net/api/httptrigger1 (calls need a key: \
             scripts/enroll.sh makes one for DPS)."
        ),
        "{run:#?}"
    );
    assert_eq!(
        world.resources(),
        [
            "Microsoft.Insights/components contoso-app",
            "Microsoft.Storage/storageAccounts contosostorage",
            PLAN,
            "Microsoft.Web/sites contoso-app",
            "microsoft.alertsmanagement/smartDetectorAlertRules Failure Anomalies - contoso-app",
        ]
    );
    let tags = json!({TAG.0: TAG.1});
    assert_eq!(world.state()["groups"]["contoso-group"], json!({"location": "westus2", "tags": tags}));
    for kind in ["Microsoft.Web/sites", "Microsoft.Storage/storageAccounts"] {
        assert_eq!(world.resource(kind)["tags"], tags);
    }
    assert_eq!(world.resource("Microsoft.Web/sites")["properties"]["published"], true);
    let create = run.calls_of("az functionapp create");
    assert!(!create[0].iter().any(|argument| argument.starts_with("--runtime-version")), "{create:?}");
}

#[test]
fn twice_in_a_row_changes_nothing() {
    let world = World::deployed();
    let before = world.essence();
    let keys = world.keys();
    let run = world.deploy(&[]);
    run.succeeded();
    assert_eq!(world.essence(), before);
    assert_eq!(world.keys(), keys);
    for command in ["az group create", "az storage account create", "az functionapp create"] {
        assert!(run.calls_of(command).is_empty(), "{run:#?}");
    }
}

#[test]
fn what_somebody_else_created_is_used_and_not_tagged() {
    let world = World::new();
    world.set_state(json!({
        "groups": {"contoso-group": {"location": "eastus", "tags": {"team": "toasters"}}},
        "resources": [{"type": "Microsoft.Storage/storageAccounts", "name": "contosostorage", "group": "contoso-group"}],
    }));
    world.deploy(&[]).succeeded();
    let state = world.state();
    assert_eq!(state["groups"]["contoso-group"]["tags"], json!({"team": "toasters"}));
    assert_eq!(state["groups"]["contoso-group"]["location"], "eastus");
    assert_eq!(world.resource("Microsoft.Storage/storageAccounts")["tags"], json!({}));
}

#[test]
fn a_function_that_does_not_answer_yet_is_waited_for() {
    let world = World::new();
    world.change(|state| {
        state["function_appears_after"] = json!(3);
        state["webhook_first"] = json!(["404", "refused", "503"]);
    });
    let run = world.deploy(&["--wait-seconds", "60"]);
    run.succeeded();
    assert_eq!(run.calls_of("az functionapp function show").len(), 3 + 2, "{run:#?}");
    assert_eq!(run.calls_of("curl").len(), 4, "{run:#?}");
    let told: Vec<_> =
        run.stdout.lines().filter(|line| line.contains("no answer from the function yet")).collect();
    let expected = ["404", "000", "503"]
        .map(|status| format!("  no answer from the function yet ({status}): waiting up to 60 s"));
    assert_eq!(told, expected);
}

#[test]
fn an_app_that_is_starting_is_waited_for() {
    for said in [
        "Bad Request({\"Message\":\"Encountered an error (ServiceUnavailable) from host runtime.\"})",
        "Encountered an error (InternalServerError) from host runtime.",
        "Operation returned an invalid status 'Service Unavailable'",
        "Operation returned an invalid status 'Bad Gateway'",
    ] {
        let starting = json!([{"code": 1, "says": said}, {"code": 1, "says": said}]);
        for (command, calls) in
            [("functionapp function show", 2 + 2), ("functionapp function keys list", 2 + 1)]
        {
            let world = World::new();
            world.change(|state| state["failures"][command] = starting.clone());
            let run = world.deploy(&["--wait-seconds", "60"]);
            run.succeeded();
            assert_eq!(run.calls_of(&format!("az {command}")).len(), calls, "{run:#?}");
            assert_eq!(world.essence(), World::deployed().essence());
        }
        // If it does not end, Azure's message is reported.
        let world = World::new();
        world.change(|state| state["failures"]["functionapp function show"] = starting.clone());
        world.deploy(&[]).failed(1, &["did not appear within 0 s", said]);
        let world = World::new();
        world.change(|state| state["failures"]["functionapp function keys list"] = starting);
        world
            .deploy(&[])
            .failed(1, &["failed while waiting for the function to answer", said, "the app is starting"]);
    }
}

#[test]
fn a_function_that_never_appears_is_reported() {
    let world = World::new();
    world.change(|state| state["function_appears_after"] = json!(1_000_000));
    world.deploy(&[]).failed(
        1,
        &[
            "failed while waiting for the app to list the function",
            "did not appear within 0 s",
            "executable bit",
        ],
    );
}

#[test]
fn a_function_that_fails_is_reported() {
    for (first, says) in [
        ("500", "500: the function exists but fails. DPS would retry for minutes"),
        ("404", "404: the app has no function at this address"),
        ("401", "401: the key in the URL is not one of the function's keys. The device would get 400209"),
        ("refused", "check the name of the app and the network: there was no answer"),
    ] {
        let world = World::new();
        world.change(|state| state["webhook_first"] = json!([first]));
        let run = world.deploy(&[]);
        run.failed(1, &["failed while waiting for the function to answer", says]);
        let advice: Vec<_> = run.stderr.lines().filter(|line| line.contains("Try:")).collect();
        assert_eq!(advice.len(), 1, "one line of advice: {run:#?}");
        let said = if first == "refused" {
            "curl: (7) Failed to connect to the app: Connection refused"
        } else {
            first
        };
        assert!(run.stderr.contains(&format!("Azure said:  {said}")), "{run:#?}");
    }
}

#[test]
fn not_signed_in() {
    let world = World::new();
    world.change(|state| state["subscription"] = json!(null));
    let run = world.deploy(&[]);
    run.failed(
        1,
        &[
            "failed while checking that you are signed in",
            "Azure said:  ERROR: Please run 'az login' to setup account.",
            "Try:         'az login', then run deploy.sh again.",
        ],
    );
    assert_eq!(run.calls.len(), 1, "{run:#?}");
}

#[test]
fn a_name_that_is_taken() {
    for (name, step, said) in [
        ("contosostorage", "creating the storage account", "(StorageAccountAlreadyTaken)"),
        ("contoso-app", "creating the Function App", "Website with given name contoso-app already exists."),
    ] {
        let world = World::new();
        world.change(|state| state["names_taken"] = json!([name]));
        world
            .deploy(&[])
            .failed(1, &[&format!("failed while {step}"), said, "another name: this one is taken"]);
        // With another name it continues from there.
        world.deploy(&["--storage-account", "another1", "--function-app", "another-app"]).succeeded();
    }
}

#[test]
fn a_region_without_flex_consumption() {
    let world = World::new();
    let run = world.deploy(&["--location", "antarctica"]);
    run.failed(1, &["the region antarctica", "a LOCATION with Flex Consumption: eastus westus2 northeurope"]);
    assert!(world.resources().is_empty() && run.calls_of("az group create").is_empty(), "{run:#?}");
}

#[test]
fn every_command_that_fails_is_explained() {
    let throttled =
        "(TooManyRequests) The request is being throttled as the limit has been reached for operation type.";
    for (command, step) in [
        ("functionapp list-flexconsumption-locations", "checking that the region offers Flex Consumption"),
        ("group exists", "looking for the Function App"),
        ("group create", "creating the resource group"),
        ("resource show", "creating the storage account"),
        ("storage account create", "creating the storage account"),
        ("functionapp create", "creating the Function App"),
        ("functionapp deployment source config-zip", "publishing the function"),
        ("functionapp function show", "waiting for the app to list the function"),
        ("functionapp function keys list", "waiting for the function to answer"),
    ] {
        let world = World::new();
        world.fail_next(command, 1, throttled);
        world.deploy(&[]).failed(
            1,
            &[
                &format!("deploy.sh: failed while {step}."),
                &format!("What failed: az {command} (exit code 1)"),
                throttled,
                "wait a minute and run deploy.sh again; it continues where it stopped",
            ],
        );
        world.deploy(&[]).succeeded();
        assert_eq!(world.essence(), World::deployed().essence(), "after {command} failed");
    }
}

#[test]
fn the_error_is_shown_despite_many_warnings_before_it() {
    let world = World::new();
    let warnings = (1..=9).map(|number| format!("WARNING: step {number}\n")).collect::<String>();
    world.fail_next(
        "functionapp create",
        1,
        &format!("{warnings}ERROR: (Conflict) It did not work.\nCode: Conflict\nAccountKey=c2VjcmV0;x"),
    );
    let run = world.deploy(&[]);
    let said = "  Azure said:  ERROR: (Conflict) It did not work.\n               Code: Conflict\n               AccountKey=****;x\n";
    run.failed(1, &[said]);
}

#[test]
fn what_to_try_fits_what_azure_said() {
    for (said, says) in [
        (
            "(AuthorizationFailed) The client 'a' does not have authorization to perform action 'b'",
            "role Contributor",
        ),
        (
            "(MissingSubscriptionRegistration) The subscription is not registered to use namespace 'Microsoft.Web'",
            "az provider register",
        ),
        (
            "(InvalidResourceGroupLocation) Invalid resource group location 'westus2'.",
            "the LOCATION of the existing resource group",
        ),
        (
            "HTTPSConnectionPool(host='management.azure.com'): Max retries exceeded with url",
            "Azure could not be reached",
        ),
        ("unrecognized arguments: --https-only true", "this az is older than the scripts"),
        ("Deployment was successful but the app appears to be unhealthy.", "without the executable bit"),
        (
            "Bad Request({\"Message\":\"Encountered an error (ServiceUnavailable) from host runtime.\"})",
            "the app is starting",
        ),
        (
            "(InternalServerError) trackingId 1403429f-4290-4291-8403-429042904290",
            "run the command with --debug",
        ),
        ("An unknown error", "run the command with --debug"),
    ] {
        let world = World::new();
        world.fail_next("group create", 1, said);
        world.deploy(&[]).failed(1, &[said, says]);
    }
}

#[test]
fn without_a_package_it_builds_one_and_publishes_it() {
    let world = World::new();
    let run = world.run_in_checkout("deploy.sh", &[]);
    run.succeeded();
    let publish = run.calls_of("az functionapp deployment source config-zip");
    assert!(
        publish[0].last().is_some() && publish[0].join(" ").contains("/checkout/dist/app.zip"),
        "{run:#?}"
    );
    assert_eq!(world.resource("Microsoft.Web/sites")["properties"]["published"], true);
}

#[test]
fn func_can_publish_instead() {
    let world = World::new();
    let run = world.run_in_checkout("deploy.sh", &["--with-func"]);
    run.succeeded();
    assert_eq!(run.calls_of("func azure functionapp publish contoso-app").len(), 1, "{run:#?}");
    assert!(run.calls_of("az functionapp deployment source config-zip").is_empty(), "{run:#?}");
    assert_eq!(world.resource("Microsoft.Web/sites")["properties"]["published"], true);
    world.deploy(&["--with-func"]).failed(64, &["--package and --with-func exclude each other"]);
}

#[test]
fn a_failed_build_ends_it_before_anything_is_created() {
    let world = World::new();
    let checkout = world.checkout();
    std::fs::write(checkout.join("scripts/package.sh"), "#!/bin/sh\necho no compiler >&2\nexit 7\n").unwrap();
    let run = world.run_in_checkout("deploy.sh", &[]);
    run.failed(
        1,
        &[
            "no compiler",
            "failed while building the package",
            "Try:         fix what scripts/package.sh reports above.",
        ],
    );
    assert_eq!(run.calls.len(), 1, "only the subscription was looked up: {run:#?}");
}

#[test]
fn a_missing_package_is_refused() {
    let world = World::new();
    world
        .run("deploy.sh", &["--package", "/nowhere.zip"])
        .failed(64, &["deploy.sh: the package /nowhere.zip does not exist\n"]);
}
