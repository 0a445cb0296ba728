//! The provisioning service without a protocol: a configuration, a folder, a log, and devices that call it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use journal::{Journal, Kept};
use provisioning_service::{Answer, Config, Device, Service, ServiceOptions, Store};
use redb::ReadableDatabase as _;
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;

/// The group key that Microsoft's tutorial prints, and its devices' keys.
pub(crate) const GROUP_KEY: &str =
    "oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==";
pub(crate) const TOASTER_KEY: &str = "NXZgydIn9ntUpXfBsWFfaxJqAYVfgGQsshvA5GboGJI=";

/// Base64 of 32 equal bytes: further keys, good for nothing else.
pub(crate) const KEY_A: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
pub(crate) const KEY_B: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

pub(crate) const SCOPE: &str = "0ne00ABCDEF";
pub(crate) const TOASTERS: &str = "contoso-toasters-hub-1098.azure-devices.net";
pub(crate) const HEATPUMPS: &str = "contoso-heatpumps-hub-1098.azure-devices.net";

/// How long anything may take that takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) service: Arc<Service>,
    pub(crate) folder: Arc<TempDir>,
    log: Kept,
}

impl Rig {
    /// A service with `config` and `options`, and an empty folder.
    pub(crate) fn with(config: &Value, options: ServiceOptions) -> Self {
        Self::in_folder(config, options, Arc::new(TempDir::new().unwrap()))
    }

    pub(crate) fn in_folder(config: &Value, options: ServiceOptions, folder: Arc<TempDir>) -> Self {
        let (journal, log) = Journal::kept();
        let config = Config::parse(&config.to_string()).unwrap();
        let store = Store::open(folder.path()).unwrap();
        let service = Service::new(config, options, store, journal).unwrap();
        Self { service, folder, log }
    }

    /// The same folder under another configuration, as after a restart.
    pub(crate) fn restarted(self, config: &Value) -> Self {
        let folder = Arc::clone(&self.folder);
        drop(self.service);
        Self::in_folder(config, eager(), folder)
    }

    /// The log so far: `Level text`, one string an entry.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.entries().iter().map(|entry| format!("{:?} {}", entry.level, entry.text)).collect()
    }

    /// Asserts that the log has `entry`.
    pub(crate) fn assert_logged(&self, entry: &str) {
        let log = self.log();
        assert!(log.iter().any(|one| one == entry), "no entry {entry:?} in {log:#?}");
    }

    /// The device `id` with a token made as the C SDK makes it, with `key`.
    pub(crate) fn authenticate(&self, id: &str, key: &str) -> Result<Device, Answer> {
        let sr = format!("{SCOPE}%2fregistrations%2f{id}");
        self.service.authenticate(SCOPE, id, Some(&token(&sr, &later(), key)))
    }

    /// The device `id` of the group with [`GROUP_KEY`].
    pub(crate) fn device(&self, id: &str) -> Device {
        self.authenticate(id, &derive(GROUP_KEY, id)).unwrap()
    }

    /// Registers `id` of the group with [`GROUP_KEY`] and polls to the end.
    pub(crate) async fn register(&self, id: &str, body: &str) -> Value {
        self.run(&self.device(id), body).await
    }

    /// Registers `device` and polls to the end: the body of the last answer.
    pub(crate) async fn run(&self, device: &Device, body: &str) -> Value {
        let answer = self.service.register(device, body.as_bytes());
        if answer.status != 202 {
            return parsed(&answer);
        }
        let operation = parsed(&answer)["operationId"].as_str().unwrap().to_owned();
        self.poll(device, &operation).await
    }

    /// Polls `operation` to the end.
    pub(crate) async fn poll(&self, device: &Device, operation: &str) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.service.operation_status(device, operation);
            if answer.status != 202 {
                return parsed(&answer);
            }
            assert!(started.elapsed() < DEADLINE, "still {answer:?} after {DEADLINE:?}: {:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until the log satisfies `expected`.
    pub(crate) async fn until_logged(&self, expected: impl Fn(&[String]) -> bool) {
        let started = Instant::now();
        while !expected(&self.log()) {
            assert!(started.elapsed() < DEADLINE, "not logged after {DEADLINE:?}: {:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Stops the service, and reads the record of `id` that it leaves behind.
    pub(crate) fn kept(self, id: &str) -> Value {
        let path = self.folder.path().join("dps.redb");
        drop(self.service);
        let database = redb::Database::open(path).unwrap();
        let table: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("registrations");
        let table = database.begin_read().unwrap().open_table(table).unwrap();
        serde_json::from_slice(table.get(id).unwrap().unwrap().value()).unwrap()
    }
}

/// Options under which nothing waits for long.
pub(crate) fn eager() -> ServiceOptions {
    let mut options = ServiceOptions { assigning_polls: 0, ..ServiceOptions::default() };
    options.webhook.retries = 2;
    options.webhook.first_pause = Duration::from_millis(1);
    options.webhook.pause_growth = Duration::from_millis(1);
    options
}

/// A configuration with both tutorial hubs and these enrollments.
pub(crate) fn config(groups: &[Value], individuals: &[Value]) -> Value {
    json!({
        "idScope": SCOPE,
        "linkedHubs": [TOASTERS, HEATPUMPS],
        "enrollmentGroups": groups,
        "individualEnrollments": individuals,
    })
}

/// The enrollment group of the tutorial's key with `members` besides.
pub(crate) fn group(members: Value) -> Value {
    with(json!({"enrollmentGroupId": "contoso", "attestation": attestation(GROUP_KEY)}), members)
}

/// An individual enrollment for `id` with `key`.
pub(crate) fn individual(id: &str, key: &str, members: Value) -> Value {
    with(json!({"registrationId": id, "attestation": attestation(key)}), members)
}

pub(crate) fn attestation(primary: &str) -> Value {
    json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": primary}})
}

/// `object` with the members of `more` too.
pub(crate) fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more} is not an object") };
    object.as_object_mut().unwrap().extend(more);
    object
}

/// `SharedAccessSignature sr=…&sig=…&se=…&skn=registration`, made with `key` over `sr` as it is.
pub(crate) fn token(sr: &str, se: &str, key: &str) -> String {
    format!("SharedAccessSignature sr={sr}&sig={}&se={se}&skn=registration", signature(sr, se, key))
}

/// The signature over `sr` and `se`, base64, percent-encoded.
pub(crate) fn signature(sr: &str, se: &str, key: &str) -> String {
    let sig = hmac(key, &format!("{sr}\n{se}"));
    sig.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// The key of the device `id` of the group with `key`.
pub(crate) fn derive(key: &str, id: &str) -> String {
    hmac(key, id)
}

/// An hour from now, in seconds since 1970.
pub(crate) fn later() -> String {
    (SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 3600).to_string()
}

pub(crate) fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn hmac(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
