//! What is kept: registrations survive restarts and crashes.

use std::fs;
use std::sync::Arc;

use proptest::prelude::*;
use provisioning_service::{Store, StoreError};
use serde_json::json;
use tempfile::TempDir;

use super::rig::{HEATPUMPS, Rig, TOASTERS, config, eager, group, parsed};

const FILE: &str = "dps.redb";

fn rig_in(folder: Arc<TempDir>) -> Rig {
    let members = json!({"allocationPolicy": "static", "iotHubs": [TOASTERS]});
    Rig::in_folder(&config(&[group(members)], &[]), eager(), folder)
}

#[tokio::test]
async fn a_restart_forgets_no_assignment_and_answers_the_poll_it_missed() {
    let rig = rig_in(Arc::new(TempDir::new().unwrap()));
    let before = rig.register("dev-1", "").await;
    let moved = json!({"allocationPolicy": "static", "iotHubs": [HEATPUMPS]});
    let rig = rig.restarted(&config(&[group(moved)], &[]));
    let device = rig.device("DEV-1");
    assert_eq!(parsed(&rig.service.lookup(&device, b"")), before["registrationState"]);
    let operation = before["operationId"].as_str().unwrap();
    let poll = rig.service.operation_status(&device, operation);
    assert_eq!((poll.status, parsed(&poll)), (200, before.clone()));
    let after = rig.register("dev-1", "").await;
    assert_eq!(after["registrationState"]["assignedHub"], HEATPUMPS);
    assert_eq!(after["registrationState"]["substatus"], "deviceDataMigrated");
}

/// The file as a crash at that moment would leave it: a copy of it while it is open.
#[tokio::test]
async fn a_crash_loses_no_device_that_was_told_its_hub() {
    let rig = rig_in(Arc::new(TempDir::new().unwrap()));
    let mut crashes = Vec::new();
    for nth in 0..5 {
        rig.register(&format!("dev-{nth}"), "").await;
        let folder = Arc::new(TempDir::new().unwrap());
        fs::copy(rig.folder.path().join(FILE), folder.path().join(FILE)).unwrap();
        crashes.push(folder);
    }
    for (last, folder) in crashes.into_iter().enumerate() {
        let after = rig_in(folder);
        for nth in 0..5 {
            let found = after.service.lookup(&after.device(&format!("dev-{nth}")), b"").status;
            assert_eq!(found, if nth <= last { 200 } else { 404 }, "dev-{nth} after a crash at {last}");
        }
        assert_eq!(after.register("dev-9", "").await["status"], "assigned");
    }
}

#[test]
fn a_file_that_is_no_database_is_an_error_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(FILE);
    drop(Store::open(folder.path()).unwrap());
    let whole = fs::read(&path).unwrap();
    for content in [b"", &b"{}\n"[..], &[0; 8192], &whole[..1], &whole[..4096], &whole[..20_000]] {
        fs::write(&path, content).unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Unusable(..)), "{}: {error}", content.len());
        let text = error.to_string();
        assert!(text.starts_with(&format!("{}: ", path.display())), "{text}");
        let help =
            ". Delete the file to have a new one made; all devices then register as for the first time";
        assert!(text.ends_with(help), "{text}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[tokio::test]
async fn a_first_start_that_is_killed_at_any_byte_leaves_a_folder_that_opens() {
    let folder = Arc::new(TempDir::new().unwrap());
    drop(Store::open(folder.path()).unwrap());
    let whole = fs::read(folder.path().join(FILE)).unwrap();
    for length in [0, 1, 100, 4096, whole.len() - 1, whole.len()] {
        fs::remove_file(folder.path().join(FILE)).unwrap();
        fs::write(folder.path().join("dps.redb.new"), &whole[..length]).unwrap();
        let rig = rig_in(Arc::clone(&folder));
        assert_eq!(rig.register("dev-1", "").await["status"], "assigned", "{length}");
    }
}

#[test]
fn a_folder_is_one_emulator_s() {
    let folder = TempDir::new().unwrap();
    let first = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: another emulator uses this folder; give each its own", folder.path().display())
    );
    drop(first);
    Store::open(folder.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("state")).unwrap_err();
    assert!(matches!(error, StoreError::Folder(..)));
    assert!(error.to_string().starts_with(&format!("{}: ", file.join("state").display())), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_register_at_once_are_each_assigned_and_kept() {
    let rig = Arc::new(rig_in(Arc::new(TempDir::new().unwrap())));
    let rounds: Vec<_> = (0..2_000)
        .map(|nth| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.register(&format!("dev-{nth}"), "").await })
        })
        .collect();
    for round in rounds {
        assert_eq!(round.await.unwrap()["status"], "assigned");
    }
    let folder = Arc::clone(&rig.folder);
    drop(rig);
    let rig = rig_in(folder);
    for nth in 0..2_000 {
        assert_eq!(rig.service.lookup(&rig.device(&format!("dev-{nth}")), b"").status, 200, "dev-{nth}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_store_or_an_error(content: Vec<u8>) {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(FILE), &content).unwrap();
        let _ = Store::open(folder.path());
    }
}
