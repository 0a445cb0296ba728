//! What is kept: assignments survive restarts, crashes and long use.

use std::fs;
use std::sync::Arc;

use journal::Journal;
use proptest::prelude::*;
use provisioning_service::{Store, StoreError};
use serde_json::json;
use tempfile::TempDir;

use super::rig::{HEATPUMPS, Rig, TOASTERS, config, eager, group, parsed};

const FILE: &str = "registrations.jsonl";

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

#[tokio::test]
async fn a_crash_at_any_byte_loses_only_the_record_being_written() {
    let rig = rig_in(Arc::new(TempDir::new().unwrap()));
    let ids = ["dev-1", "dev-2", "dev-3"];
    for id in ids {
        rig.register(id, "").await;
    }
    let content = fs::read(rig.file()).unwrap();
    drop(rig);
    let ends: Vec<usize> = (1..=content.len()).filter(|end| content[end - 1] == b'\n').collect();
    assert_eq!(ends.len(), ids.len());

    for cut in 0..=content.len() {
        let folder = Arc::new(TempDir::new().unwrap());
        fs::write(folder.path().join(FILE), &content[..cut]).unwrap();
        let rig = rig_in(folder);
        for (id, end) in ids.iter().zip(&ends) {
            let found = rig.service.lookup(&rig.device(id), b"").status;
            assert_eq!(found, if *end <= cut { 200 } else { 404 }, "{id}, cut at {cut}");
        }
        let whole = ends.iter().filter(|end| **end <= cut).max().copied().unwrap_or(0);
        let told: Vec<_> = rig.log().into_iter().filter(|entry| entry.contains("torn")).collect();
        let file = rig.folder.path().join(FILE);
        if whole < cut {
            assert_eq!(
                told,
                [format!(
                    "Warning {}: the last line is torn, as after a crash; its {} bytes are dropped",
                    file.display(),
                    cut - whole
                )]
            );
        } else {
            assert!(told.is_empty(), "{told:?}");
        }
        assert_eq!(fs::read(&file).unwrap(), &content[..whole], "cut at {cut}");
    }
}

#[tokio::test]
async fn what_is_kept_after_a_crash_stands_on_a_line_of_its_own() {
    let rig = rig_in(Arc::new(TempDir::new().unwrap()));
    rig.register("dev-1", "").await;
    let mut content = fs::read(rig.file()).unwrap();
    content.extend_from_slice(b"{\"registrationId\":\"dev-2\",\"oper");
    fs::write(rig.file(), content).unwrap();
    let folder = Arc::clone(&rig.folder);
    drop(rig);
    let rig = rig_in(Arc::clone(&folder));
    rig.register("dev-3", "").await;
    drop(rig);
    let rig = rig_in(folder);
    let found = ["dev-1", "dev-2", "dev-3"].map(|id| rig.service.lookup(&rig.device(id), b"").status);
    assert_eq!(found, [200, 404, 200]);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_that_says_where() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(FILE);
    let (journal, _) = Journal::kept();
    for (content, line, problem) in [
        (&b"{}\n"[..], 1, "missing field `registrationId` at line 1 column 2"),
        (b"\n", 1, "EOF while parsing a value at line 2 column 0"),
        (b"\0\0\0\n", 1, "expected value at line 1 column 1"),
    ] {
        fs::write(&path, content).unwrap();
        let error = Store::open(folder.path(), &journal).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }));
        assert_eq!(
            error.to_string(),
            format!(
                "{}: line {line} is not a registration: {problem}. Correct or delete the line; without the file all \
                 devices register as for the first time",
                path.display()
            )
        );
        assert_eq!(fs::read(&path).unwrap(), content, "a file that is not understood is left alone");
    }
}

#[test]
fn a_folder_is_one_emulator_s() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = Journal::kept();
    let first = Store::open(folder.path(), &journal).unwrap();
    let error = Store::open(folder.path(), &journal).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: another emulator uses this folder; give each its own", folder.path().display())
    );
    drop(first);
    Store::open(folder.path(), &journal).unwrap();
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (journal, _) = Journal::kept();
    let error = Store::open(&file.join("state"), &journal).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }));
    assert!(error.to_string().starts_with(&format!("{}: ", file.join("state").display())), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_does_not_grow_with_every_registration() {
    let rig = Arc::new(rig_in(Arc::new(TempDir::new().unwrap())));
    // 1,000 outdated lines are let be; beyond that, and as many as there are devices, is too much.
    for _ in 0..30 {
        let rounds: Vec<_> = (0..50)
            .map(|nth| {
                let rig = Arc::clone(&rig);
                tokio::spawn(async move { rig.register(&format!("dev-{nth}"), "").await })
            })
            .collect();
        for round in rounds {
            assert_eq!(round.await.unwrap()["status"], "assigned");
        }
    }
    let lines = fs::read_to_string(rig.folder.path().join(FILE)).unwrap().lines().count();
    assert!((50..=1_100).contains(&lines), "{lines} lines of 50 devices after 1,500 registrations");
    let folder = Arc::clone(&rig.folder);
    drop(rig);
    let rig = rig_in(folder);
    for nth in 0..50 {
        let state = parsed(&rig.service.lookup(&rig.device(&format!("dev-{nth}")), b""));
        assert_eq!(state["substatus"], "reprovisionedToInitialAssignment", "{nth}");
    }
    let mut left: Vec<_> =
        fs::read_dir(rig.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [FILE, "registrations.lock"], "nothing is left beside the file");
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
    let content = fs::read_to_string(rig.file()).unwrap();
    assert_eq!(content.lines().count(), 2_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_store_or_an_error(content: Vec<u8>) {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(FILE), &content).unwrap();
        let (journal, _) = Journal::kept();
        let _ = Store::open(folder.path(), &journal);
    }
}
