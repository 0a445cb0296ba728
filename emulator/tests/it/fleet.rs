//! `dps-emulator fleet`: many devices at once, and the account of them.

use std::path::Path;
use std::process::Command;

use tokio::task::spawn_blocking;

use crate::dps::server::{HUB, SCOPE, Stage, group_key};
use crate::program::{Ended, emulator, handler, run};

/// Fleets with an emulator of their own.
fn within(more: &[&str]) -> Ended {
    let mut command = emulator(["fleet", "--app"]);
    command.arg(root()).arg("--handler").arg(handler());
    run(command.args(more), "")
}

/// The function app: this repository's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A fleet that registers at `stage`.
fn against(stage: &Stage, key: &str, more: &[&str]) -> Command {
    let mut command = emulator(["fleet", "--id-scope", SCOPE, "--group-key", key, "--count", "12"]);
    command
        .args(["--host", &stage.dps.mqtt_address().to_string(), "--ca"])
        .arg(stage.dps.ca_certificate())
        .args(more);
    command
}

async fn run_elsewhere(mut command: Command) -> Ended {
    spawn_blocking(move || run(&mut command, "")).await.unwrap()
}

#[test]
fn each_device_is_assigned_once() {
    for transport in ["mqtt", "https"] {
        let hub = "a.azure-devices.net";
        let ended =
            within(&["--count", "120", "--concurrency", "40", "--transport", transport, "--hub", hub]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
        assert!(ended.stdout.starts_with("120 devices in "), "{ended}");
        for part in [
            "\n  assigned    120\n  refused       0\n  failed        0\n  lost          0\n",
            "\nLatency, from connecting to the final answer:  p50 ",
            "\nDevices per hub\n  a.azure-devices.net  ████████████████████████████████████████ 120\n",
            "\nThe function ran 120 times for 120 decisions.\n",
        ] {
            assert!(ended.stdout.contains(part), "missing: {part}\n{ended}");
        }
    }
}

#[test]
fn refused_devices_are_counted_with_the_reason() {
    let ended = within(&["--count", "20", "--id-pattern", "contoso-heatpump-{}"]);
    assert_eq!(ended.code, 1, "none is assigned\n{ended}");
    let part = "\n  assigned      0\n  refused      20\n               20  Custom allocation failed with status code: 400\n  failed        0\n";
    assert!(ended.stdout.contains(part), "{ended}");
    assert!(ended.stdout.contains("\nDevices per hub\n  none\n"), "{ended}");
}

#[test]
fn a_low_limit_of_open_files_is_raised() {
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -Sn 100 && exec \"$@\"", "bash", env!("CARGO_BIN_EXE_dps-emulator")]);
    limited.args(["fleet", "--count", "100", "--concurrency", "100", "--app"]).arg(root());
    let ended = run(limited.arg("--handler").arg(handler()), "");
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("\n  assigned    100\n"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_registers_elsewhere_too() {
    let stage = Stage::with(|options| options.service.retry_after = 1).await;
    let ended = run_elsewhere(against(&stage, &group_key(), &["--payload", "{\"a\":1}"])).await;
    assert_eq!(ended.code, 0, "{ended}\n{}", stage.whole_log());
    assert!(ended.stdout.contains("\n  assigned     12\n"), "{ended}");
    assert!(
        ended.stdout.contains(&format!("  {HUB}  ████████████████████████████████████████ 12\n")),
        "{ended}"
    );
    let calls = stage.webhook.calls();
    assert_eq!(calls.iter().filter(|call| call.contains(r#""payload":{"a":1}"#)).count(), 12, "{calls:?}");
    // Their numbers are padded to the same length.
    for id in ["contoso-toaster-01", "contoso-toaster-12"] {
        let id = format!(r#""registrationId":"{id}""#);
        assert_eq!(calls.iter().filter(|call| call.contains(&id)).count(), 1, "{id} {calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_fails_says_why_and_exits_1() {
    let stage = Stage::start().await;
    let other_key = "b3RoZXIga2V5LCBtYWRlIHVwIGZvciB0aGlzIHRlc3Q=";
    let ended = run_elsewhere(against(&stage, other_key, &[])).await;
    assert_eq!(ended.code, 1, "{ended}");
    let part = "\n  failed       12\n               12  Connection Not Accepted: 0x5: Not Authorized (PROV_DEVICE_RESULT_DEV_AUTH_ERROR)\n";
    assert!(ended.stdout.contains(part), "{ended}");

    let more = ["--id-pattern", "bad id {}"];
    let ended = run_elsewhere(against(&stage, &group_key(), &more)).await;
    assert_eq!(ended.code, 2, "{ended}");
    assert!(
        ended
            .stderr
            .contains("--id-pattern does not give registration ids: expected an id of 1 to 128 letters"),
        "{ended}"
    );
}
