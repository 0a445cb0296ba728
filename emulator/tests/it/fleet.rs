//! `dps-emulator fleet`: many devices at once, and the account of them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use devices::fleet::Report;
use devices::{Failure, Refusal, Registration};
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

fn assigned(hub: &str) -> Result<Registration, Failure> {
    Ok(Registration { hub: hub.to_owned(), device_id: "d".to_owned(), payload: None })
}

#[test]
fn a_report_counts_by_reason_and_hub() {
    let mut report = Report::default();
    for (hub, took) in [("long-hub", 100), ("long-hub", 200), ("hub", 300)] {
        report.add(assigned(hub), Duration::from_millis(took));
    }
    let message = "Custom allocation failed with status code: 400".to_owned();
    let refusal = Refusal { message, ..Refusal::default() };
    report.add(Err(Failure::Refused(refusal)), Duration::from_millis(400));
    report.add(Err(Failure::Timeout(Duration::from_secs(600))), Duration::from_millis(500));
    report.lost = 10_000;
    report.elapsed = Duration::from_secs(2);
    let expected = "\
10,005 devices in 2.0 s: 2.0 registrations a second, 120 a minute

  assigned       3
  refused        1
                 1  Custom allocation failed with status code: 400
  failed         1
                 1  Timed out after 600 s (PROV_DEVICE_RESULT_TIMEOUT)
  lost      10,000

Latency, from connecting to the final answer:  p50 0.30 s  p90 0.50 s  p99 0.50 s  max 0.50 s

Devices per hub
  hub       ████████████████████ 1
  long-hub  ████████████████████████████████████████ 2
";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn a_report_without_devices_has_no_latencies() {
    let report = Report::default().to_string();
    assert!(report.starts_with("0 devices in 0.0 s: 0.0 registrations a second, 0 a minute\n"), "{report}");
    assert!(report.contains("p50 0.00 s") && report.ends_with("Devices per hub\n  none\n"), "{report}");
}

#[test]
fn hubs_from_the_service_are_escaped_and_their_list_is_bounded() {
    let mut report = Report::default();
    for number in 0..1000 {
        report.add(assigned(&format!("hub-{number:03}\u{1b}[2J\n")), Duration::ZERO);
    }
    assert_eq!(report.assigned.sum(), 1000);
    let report = report.to_string();
    assert!(report.contains("  hub-000\\u{1b}[2J\\n  █ 1\n"), "{report}");
    assert!(report.contains("  hub-049\\u{1b}[2J\\n  █ 1\n  others "), "{report}");
    assert_eq!(report.lines().count(), 61, "{report}");
}
