//! `dps-emulator tutorial`: the whole tutorial by one command.

use std::path::Path;

use crate::host::App;
use crate::program::{Ended, emulator, handler, run};

fn tutorial(app: &Path, handler: &Path, more: &[&str]) -> Ended {
    let mut command = emulator(["tutorial", "--app"]);
    command.arg(app).arg("--handler").arg(handler).args(more);
    run(&mut command, "")
}

/// The function app: this repository's root.
fn app() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn all_is_as_the_tutorial_promises() {
    for transport in ["mqtt", "https"] {
        let ended = tutorial(app(), &handler(), &["--transport", transport]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
        let mut rest = ended.stdout.as_str();
        for part in [
            "\n=== Create the custom allocation function ===\n\nHttpTrigger1: [POST] http://localhost:",
            "\n=== Create the enrollment ===\n\nEnrollment group: contoso-custom-allocated-devices\n",
            "\n=== Derive unique device keys ===\n\n\
             contoso-toaster-007   NXZgydIn9ntUpXfBsWFfaxJqAYVfgGQsshvA5GboGJI=\n\
             contoso-heatpump-088  NI9dUEI2tga168Qi1U/HKuMmFHewrvaqI1MPTEU1A5w=\n",
            "\n=== Simulate the Contoso toaster device ===\n\n--- The function's log\n\n",
            " [Information] Executing 'Functions.HttpTrigger1' (Reason='This function was programmatically called via the host APIs.', Id=",
            " [Information] Rust HTTP trigger function processed a request.\n",
            r#" [Information] {"enrollmentGroup":{"enrollmentGroupId":"contoso-custom-allocated-devices","#,
            r#""payload":{"MyDeviceFirmwareVersion":"12.0.2.5","MyDeviceProvisioningVersion":"1.0.0.0"}}"#,
            " [Information] Selected hub : contoso-toasters-hub-1098.azure-devices.net\n",
            " [Information] Executed 'Functions.HttpTrigger1' (Succeeded, Id=",
            "\n--- The device's output\n\nProvisioning API Version: ",
            "\n\nRegistration Information received from service: contoso-toasters-hub-1098.azure-devices.net, deviceId: contoso-toaster-007\n",
            "\n=== Simulate the Contoso heat pump device ===\n\n--- The function's log\n\n",
            " [Information] Unrecognized device registration.\n",
            "\n--- The device's output\n\nProvisioning API Version: ",
            " - Msg: Custom allocation failed with status code: 400\n",
            "\n\nFailure registering device: PROV_DEVICE_RESULT_DEV_AUTH_ERROR\n",
            "\n=== Compared with what the tutorial promises ===\n\n\
             as promised  device keys\n\
             as promised  toaster: the function's log\n\
             as promised  toaster: the device's output\n\
             as promised  heat pump: the function's log\n\
             as promised  heat pump: the device's output\n",
        ] {
            let found = rest.find(part);
            assert!(found.is_some(), "missing, or not in this order: {part}\n{ended}");
            rest = &rest[found.unwrap() + part.len()..];
        }
        assert_eq!(rest, "", "{ended}");
    }
}

#[test]
fn another_handler_differs_and_the_diff_says_where() {
    // The scripted handler knows nothing of devices. It leaves files in its app's folder.
    let app = App::new();
    let ended = tutorial(app.path(), Path::new(env!("CARGO_BIN_EXE_scripted-handler")), &[]);
    assert_eq!(ended.code, 1, "{ended}");
    for part in [
        "\nas promised  device keys\nDIFFERS      toaster: the function's log\nDIFFERS      toaster: the device's output\n",
        "\ntoaster: the device's output\n--- the tutorial\n+++ here\n",
        "\n-Registration Information received from service: contoso-toasters-hub-1098.azure-devices.net, deviceId: contoso-toaster-007\n",
        "\n+Failure registering device: PROV_DEVICE_RESULT_",
        // What differs from run to run is no difference; what the policy decides is one.
        "\n TIME [Information] Executed 'Functions.HttpTrigger1' (Succeeded, Id=ID, Duration=MILLISECONDSms)\n",
        "\n-TIME [Information] Selected hub : contoso-toasters-hub-1098.azure-devices.net\n",
        r#""createdDateTimeUtc":"2020-09-23T10:58:31.62286Z""#,
        "\n-Error: Provisioning Failure: OperationId: OPERATION - Date: DATE - Msg: Custom allocation failed with status code: 400\n",
        "\n Error: Unable to process registration reply.\n",
    ] {
        assert!(ended.stdout.contains(part), "missing: {part}\n{ended}");
    }
    // The reason is on the other side of the webhook.
    assert!(ended.stderr.contains("\nWhat the provisioning service said:\n"), "{ended}");
    assert!(ended.stderr.contains("contoso-toaster-007: webhook attempt 1 answered "), "{ended}");
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let nothing = tempfile::tempdir().unwrap();
    let ended = tutorial(nothing.path(), &handler(), &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended}");
    assert!(
        ended.stderr.contains("no host.json here; run this in the folder of the function app"),
        "{ended}"
    );

    let missing = nothing.path().join("no-handler");
    let ended = tutorial(app(), &missing, &[]);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stderr.contains(missing.to_str().unwrap()), "{ended}");
}
