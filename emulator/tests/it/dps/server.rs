//! A provisioning service to talk to: its address, its certificate, its log, a webhook behind it that does as
//! it is told, and what a device needs to be accepted.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use journal::{Journal, Kept};
use provisioning_service::{Config, Dps, DpsOptions};
use tempfile::TempDir;
use tokio::time::timeout;

mod client;
mod token;
mod webhook;

pub(crate) use self::client::{Device, shake};
pub(crate) use self::token::{device_key, group_key, in_an_hour, signature, token};
pub(crate) use self::webhook::Webhook;

/// Far more than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The id scope of the stand-in.
pub(crate) const SCOPE: &str = "0ne00ABCDEF";

/// The hub that the webhook names.
pub(crate) const HUB: &str = "contoso-toasters-hub-1098.azure-devices.net";

/// A running stand-in with one enrollment group, whose policy is the webhook.
pub(crate) struct Stage {
    pub(crate) dps: Dps,
    pub(crate) log: Kept,
    pub(crate) webhook: Webhook,
    pub(crate) state: TempDir,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A stand-in whose answers do not wait, changed by `change`.
    pub(crate) async fn with(change: impl FnOnce(&mut DpsOptions)) -> Self {
        let webhook = Webhook::start().await;
        let state = tempfile::tempdir().unwrap();
        let mut options = options(state.path(), webhook.address);
        change(&mut options);
        let (journal, log) = Journal::kept();
        let dps = Dps::start(options, journal).await.unwrap();
        Self { dps, log, webhook, state }
    }

    /// A new connection to the MQTT port.
    pub(crate) async fn mqtt(&self) -> Device {
        Device::connect(self.dps.mqtt_address(), self.dps.ca_certificate(), rustls::ALL_VERSIONS).await
    }

    /// A new connection to the HTTPS port.
    pub(crate) async fn https(&self) -> Device {
        Device::connect(self.dps.https_address(), self.dps.ca_certificate(), rustls::ALL_VERSIONS).await
    }

    /// Waits until the log has a line with all of `words`.
    pub(crate) async fn says(&self, words: &[&str]) {
        self.count(1, words).await;
    }

    /// Waits until the log has `count` lines with all of `words`, which are all it has.
    pub(crate) async fn says_often(&self, count: usize, words: &[&str]) {
        self.count(count, words).await;
        assert_eq!(self.lines(words), count, "lines with {words:?}\n{}", self.whole_log());
    }

    async fn count(&self, count: usize, words: &[&str]) {
        let said = timeout(DEADLINE, async {
            while self.lines(words) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(said.await.is_ok(), "the log never said {words:?} ({count})\n{}", self.whole_log());
    }

    /// How many lines of the log have all of `words`.
    pub(crate) fn lines(&self, words: &[&str]) -> usize {
        let entries = self.log.entries();
        entries.iter().filter(|entry| words.iter().all(|word| entry.text.contains(word))).count()
    }

    pub(crate) fn whole_log(&self) -> String {
        self.log.entries().iter().map(|entry| format!("{entry}\n")).collect()
    }
}

/// Free ports, no delay, the state in `state`.
pub(crate) fn options(state: &Path, webhook: SocketAddr) -> DpsOptions {
    let config = serde_json::json!({
        "idScope": SCOPE,
        "linkedHubs": [HUB, "contoso-heatpumps-hub-1098.azure-devices.net"],
        "enrollmentGroups": [{
            "enrollmentGroupId": "contoso-custom-allocated-devices",
            "attestation": {
                "type": "symmetricKey",
                "symmetricKey": {"primaryKey": group_key(), "secondaryKey": STANDARD.encode([b'S'; 64])},
            },
            "allocationPolicy": "custom",
            "customAllocationDefinition": {
                "webhookUrl": format!("http://{webhook}/api/HttpTrigger1?code=x"),
                "apiVersion": "2021-10-01",
            },
        }],
    });
    let path = state.join("dps.json");
    std::fs::write(&path, config.to_string()).unwrap();
    let config = Config::load(&path).unwrap();
    DpsOptions {
        mqtt_port: 0,
        https_ports: vec![0],
        answer_delay: Duration::ZERO,
        ..DpsOptions::new(config, state.to_owned())
    }
}
