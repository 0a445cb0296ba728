//! register-device.sh.

use serde_json::json;

use crate::world::World;

#[test]
fn the_toaster_is_assigned() {
    let world = World::enrolled();
    let run = world.run("register-device.sh", &[]);
    run.succeeded();
    let printed = run.stdout.split_once("Registering Device").unwrap().1;
    assert_eq!(
        printed,
        "\n\nProvisioning Status: PROV_DEVICE_REG_STATUS_CONNECTED\nProvisioning Status: PROV_DEVICE_REG_STATUS_ASSIGNING\n\n\
         Registration Information received from service: contoso-toasters-hub.azure-devices.net, deviceId: contoso-toaster-007\n"
    );
    let call = &run.calls_of("az iot device registration create")[0].join(" ");
    assert!(
        call.contains(
            r#"--payload {"MyDeviceFirmwareVersion":"12.0.2.5","MyDeviceProvisioningVersion":"1.0.0.0"}"#
        ),
        "{run:#?}"
    );
}

#[test]
fn a_refused_device_prints_what_the_tutorials_does_and_how_to_see_the_log() {
    for (id, webhook, code, message, result) in [
        (
            "contoso-heatpump-088",
            None,
            "400207",
            "Custom allocation failed with status code: 400",
            "PROV_DEVICE_RESULT_DEV_AUTH_ERROR",
        ),
        (
            "contoso-toaster-1",
            Some("500"),
            "400207",
            "Custom allocation failed with status code: 500",
            "PROV_DEVICE_RESULT_DEV_AUTH_ERROR",
        ),
        (
            "contoso-toaster-2",
            Some("no hub"),
            "400208",
            "Custom allocation did not specify an IoT hub.",
            "PROV_DEVICE_RESULT_HUB_NOT_SPECIFIED",
        ),
    ] {
        let world = World::enrolled();
        world.change(|state| state["webhook_for_dps"] = webhook.map_or(json!({}), |what| json!({id: what})));
        let run = world.run("register-device.sh", &["--registration-id", id]);
        run.failed(
            1,
            &[&format!("Provisioning Failure: Date: 2026-01-01T00:00:01.0000000Z - Code: {code} - Msg: {message}\n"),
              &format!("Failure registering device: {result}\n"), &format!("The function's log: scripts/logs.sh --registration-id {id}\n")],
        );
        let printed = "Provisioning Status: PROV_DEVICE_REG_STATUS_CONNECTED\nProvisioning Status: PROV_DEVICE_REG_STATUS_ASSIGNING\n";
        assert!(run.stdout.ends_with(printed), "{run:#?}");
    }
}

#[test]
fn an_id_that_begins_with_a_hyphen_is_not_an_option() {
    let run = World::enrolled();
    let run = run.run("register-device.sh", &["--registration-id", "-contoso-toaster"]);
    run.succeeded();
    assert!(run.stdout.ends_with("deviceId: -contoso-toaster\n"), "{run:#?}");
}

#[test]
fn a_key_that_was_removed_is_400209() {
    let world = World::enrolled();
    world.change(|state| {
        for resource in state["resources"].as_array_mut().unwrap() {
            if resource["type"] == "Microsoft.Web/sites" {
                resource["properties"]["functionKeys"] = json!({"default": "SECRETa"});
            }
        }
    });
    world.run("register-device.sh", &[]).failed(1, &["Code: 400209", "PROV_DEVICE_RESULT_UNAUTHORIZED"]);
}

#[test]
fn the_newer_extension_prints_the_reason_itself() {
    let world = World::enrolled();
    world.fail_next(
        "iot device registration create",
        1,
        "Query Status operation returned a failed registration status with a status code of '200'. errorCode: 400207; \
         errorMessage: Custom allocation failed with status code: 400",
    );
    world
        .run("register-device.sh", &[])
        .failed(1, &["Failure registering device: PROV_DEVICE_RESULT_DEV_AUTH_ERROR"]);
}

#[test]
fn other_failures_are_not_taken_for_a_refusal() {
    let world = World::enrolled();
    world.fail_next("iot device registration create", 1, "(429) Too Many Requests");
    let run = world.run("register-device.sh", &[]);
    run.failed(1, &["failed while registering the device contoso-toaster-007", "wait a minute"]);
    assert!(!run.stderr.contains("Failure registering device"), "{run:#?}");

    world
        .run("register-device.sh", &["--enrollment-group", "another"])
        .failed(1, &["Enrollment not found", "enroll.sh"]);
    world.run("register-device.sh", &["--payload", "12.0"]).failed(1, &["--payload must be a JSON object"]);
    world.change(|state| state["subscription"] = json!(null));
    world.run("register-device.sh", &[]).failed(1, &["az login"]);
}

#[test]
fn a_user_without_rights_is_told_so_and_not_that_the_device_was_refused() {
    for said in
        ["Operation returned an invalid status 'Unauthorized'", "(Unauthorized) Local auth is disabled."]
    {
        // The look-up fails too: because of the missing role, or because DPS has no such registration.
        for look_up in [json!([{"code": 1, "says": said}]), json!([])] {
            let world = World::enrolled();
            world.fail_next("iot device registration create", 1, said);
            world.change(|state| {
                state["failures"]["iot dps enrollment-group registration show"] = look_up;
            });
            let run = world.run("register-device.sh", &[]);
            run.failed(
                1,
                &[
                    "failed while registering the device contoso-toaster-007",
                    "What failed: az iot device registration create (exit code 1)",
                    said,
                    "role Contributor",
                ],
            );
            assert!(!run.stderr.contains("Provisioning Failure"), "{run:#?}");
            assert!(!run.stdout.contains("Provisioning Status"), "{run:#?}");
        }
    }
}

#[test]
fn a_disabled_device_is_refused() {
    let world = World::enrolled();
    world.run("register-device.sh", &[]).succeeded();
    world.change(|state| {
        let registration = &mut state["registrations"]["contoso-dps/contoso-toaster-007"];
        registration["status"] = json!("disabled");
    });
    world.fail_next("iot device registration create", 1, "Unauthorized: the enrollment is disabled");
    let run = world.run("register-device.sh", &[]);
    run.failed(1, &["Failure registering device: PROV_DEVICE_RESULT_DISABLED"]);
    assert!(run.stdout.ends_with("Provisioning Status: PROV_DEVICE_REG_STATUS_CONNECTED\n"), "{run:#?}");
}
