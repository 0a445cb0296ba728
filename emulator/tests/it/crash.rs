//! SIGKILL while devices register: nothing that a device was told is lost.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use devices::{Device, Endpoint, Transport};
use serde_json::json;
use symmetric_key::SymmetricKey;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::program::{DEADLINE, emulator, wait};

/// Base64 of 32 letters A.
const GROUP_KEY: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

/// The service as a process, and the port of its MQTT.
struct Service(Child, u16);

impl Service {
    fn start(state: &Path) -> Self {
        let group = json!({
            "enrollmentGroupId": "group",
            "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": GROUP_KEY}},
        });
        let config = json!({"idScope": "0ne1", "linkedHubs": ["a", "b"], "enrollmentGroups": [group]});
        fs::write(state.join("dps.json"), config.to_string()).unwrap();
        let mut command = emulator(["dps", "--mqtt-port", "0", "--https-port", "0", "--retry-after", "1"]);
        command.arg("--config").arg(state.join("dps.json")).arg("--state").arg(state);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines
            .find_map(|line| line.split_once("over MQTT at 127.0.0.1:")?.1.split(' ').next()?.parse().ok());
        std::thread::spawn(move || lines.for_each(drop));
        Self(child, port.expect("the port of MQTT"))
    }

    fn endpoint(&self, state: &Path) -> Endpoint {
        let host = format!("127.0.0.1:{}", self.1).parse().unwrap();
        Endpoint::new(host, Transport::Mqtt, Some(&state.join("ca.pem"))).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_service_has_lost_no_device_that_was_told_its_hub() {
    let state = tempfile::tempdir().unwrap();
    let mut service = Service::start(state.path());
    let mut told = BTreeMap::new();
    for round in 0..3 {
        let endpoint = service.endpoint(state.path());
        let mut devices = JoinSet::new();
        for nth in 0..60 {
            let endpoint = endpoint.clone();
            devices.spawn(async move {
                let id = format!("dev-{round}-{nth}");
                let key = GROUP_KEY.parse::<SymmetricKey>().unwrap().derive(&id);
                let device =
                    Device { id_scope: "0ne1".to_owned(), registration_id: id.clone(), key, payload: None };
                // Some come before the kill, some after it.
                sleep(Duration::from_millis(nth * 20)).await;
                Some((id, device.register(&endpoint, DEADLINE, drop).await.ok()?.hub))
            });
        }
        let mut assigned = 0;
        let round = timeout(DEADLINE, async {
            while let Some(ended) = devices.join_next().await {
                if let Some((id, hub)) = ended.unwrap() {
                    told.insert(id, hub);
                    assigned += 1;
                }
                if assigned == 15 {
                    service.0.kill().unwrap();
                    wait(&mut service.0, DEADLINE);
                }
            }
        });
        round.await.expect("devices still register");
        assert!(assigned >= 15, "{assigned} of 60 devices were assigned before the kill");
        service = Service::start(state.path());
    }
    drop(service);

    let database = redb::Database::open(state.path().join("dps.redb")).unwrap();
    let table: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("registrations");
    let table = redb::ReadableDatabase::begin_read(&database).unwrap().open_table(table).unwrap();
    for (id, hub) in told {
        let record = table.get(&*id).unwrap().unwrap_or_else(|| panic!("{id} is lost"));
        let record: serde_json::Value = serde_json::from_slice(record.value()).unwrap();
        assert_eq!(record["state"]["assignedHub"], hub, "{id}");
    }
}
