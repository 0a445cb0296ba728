//! The Python and Node device SDKs, unmodified, against the stand-ins: what their users see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps_emulator::contoso;
use dps_emulator::emulator::{Emulator, Settings};
use functions_host::Executable;
use journal::{Journal, Kept};
use provisioning_service::Dps;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::connect_proxy::ConnectProxy;
use crate::dps::server::{self, Stage};
use crate::host::App;
use crate::program::{DEADLINE, Ended, handler, run, run_for};

/// An SDK, and the protocol it registers over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sdk {
    Python,
    NodeMqtt,
    NodeHttps,
}

const ALL: [Sdk; 3] = [Sdk::Python, Sdk::NodeMqtt, Sdk::NodeHttps];

/// Both stand-ins, with the real handler behind them.
struct Whole {
    emulator: Emulator,
    log: Kept,
    _folders: (App, TempDir),
}

/// What an SDK reported, and all that it printed.
struct Reported {
    json: Value,
    ended: Ended,
}

impl Whole {
    async fn start() -> Self {
        let (app, state) = (App::new(), tempfile::tempdir().unwrap());
        let settings = Settings {
            app: app.path().to_owned(),
            executable: Executable::This(spawn_blocking(handler).await.unwrap()),
            inputs: BTreeMap::new(),
            state: state.path().to_owned(),
            hubs: vec![contoso::HUB.to_owned()],
            functions_port: 0,
            mqtt_port: 0,
            https_ports: vec![0],
            retry_after: 1,
        };
        let (journal, log) = Journal::kept();
        let emulator = Emulator::start(settings, journal.clone(), journal).await.unwrap();
        Self { emulator, log, _folders: (app, state) }
    }

    async fn register(&self, sdk: Sdk, registration_id: &str) -> Reported {
        let key = contoso::group_key().derive(registration_id).to_base64();
        let payload: Value = serde_json::from_str(contoso::PAYLOAD).unwrap();
        register(sdk, &self.emulator.dps, contoso::ID_SCOPE, registration_id, &key, Some(&payload)).await
    }

    fn log(&self) -> String {
        text(&self.log)
    }
}

fn text(log: &Kept) -> String {
    log.entries().iter().map(|entry| format!("{entry}\n")).collect()
}

/// A provisioning service with a scripted webhook, which is called again soon.
async fn stage() -> Stage {
    Stage::with(|options| {
        options.service.retry_after = 1;
        options.service.webhook.first_pause = Duration::from_millis(100);
        options.service.webhook.pause_growth = Duration::ZERO;
        options.service.webhook.retries = 3;
    })
    .await
}

/// Registers with the group key of the [`Stage`].
async fn register_at(stage: &Stage, sdk: Sdk, registration_id: &str) -> Reported {
    let key = STANDARD.encode(server::device_key(registration_id));
    register(sdk, &stage.dps, server::SCOPE, registration_id, &key, None).await
}

async fn register(
    sdk: Sdk,
    dps: &Dps,
    scope: &str,
    registration_id: &str,
    key: &str,
    payload: Option<&Value>,
) -> Reported {
    let sdks = spawn_blocking(installed).await.unwrap();
    let proxy = ConnectProxy::start(dps.mqtt_address()).await;
    let mut command = match sdk {
        Sdk::Python => {
            let mut python = Command::new(sdks.join("python/.venv/bin/python"));
            python.arg(sdks.join("python/register.py"));
            python.env("REGISTER_PROXY_PORT", proxy.address.port().to_string());
            python.env("REGISTER_HOST", "global.azure-devices-provisioning.net");
            python
        }
        Sdk::NodeMqtt | Sdk::NodeHttps => {
            let mut node = Command::new("node");
            node.arg(sdks.join("node/register.js"));
            let (transport, address) = if sdk == Sdk::NodeMqtt {
                ("mqtt", dps.mqtt_address())
            } else {
                ("https", dps.https_address())
            };
            node.env("REGISTER_TRANSPORT", transport);
            node.env("REGISTER_PORT", address.port().to_string());
            node.env("REGISTER_HOST", "localhost");
            node.env("NODE_EXTRA_CA_CERTS", dps.ca_certificate());
            node
        }
    };
    command.env("REGISTER_CA", dps.ca_certificate()).env("REGISTER_SCOPE", scope);
    command.env("REGISTER_ID", registration_id).env("REGISTER_KEY", key);
    if let Some(payload) = payload {
        command.env("REGISTER_PAYLOAD", payload.to_string());
    }
    let ended = spawn_blocking(move || run(&mut command, "")).await.unwrap();
    let json = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}\n{ended}"));
    Reported { json, ended }
}

/// The folder with both SDKs, which are installed first.
pub(crate) fn installed() -> &'static Path {
    static SDKS: OnceLock<PathBuf> = OnceLock::new();
    SDKS.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut script = Command::new(root.join("scripts/install-sdks.sh"));
        let installed = run_for(&mut script, "", Duration::from_secs(900));
        assert_eq!(installed.code, 0, "{}", installed.stderr);
        root.join("tests/sdk")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_toaster_is_assigned() {
    let whole = Whole::start().await;
    for (nth, sdk) in ALL.into_iter().enumerate() {
        // A device of its own for each, so that each is new.
        let id = format!("contoso-toaster-00{nth}");
        let reported = whole.register(sdk, &id).await;
        assert_eq!(
            (reported.ended.code, &reported.json["status"], &reported.json["hub"]),
            (0, &json!("assigned"), &json!(contoso::HUB)),
            "{sdk:?}\n{}\n{}",
            reported.ended,
            whole.log()
        );
        assert_eq!(
            (&reported.json["deviceId"], &reported.json["substatus"]),
            (&json!(id), &json!("initialAssignment"))
        );
    }
    assert_eq!(
        whole.log().matches("] Executing 'Functions.HttpTrigger1'").count(),
        ALL.len(),
        "{}",
        whole.log()
    );
    whole.emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heat_pump_is_refused_with_each_sdks_own_error() {
    let whole = Whole::start().await;
    for sdk in ALL {
        let reported = whole.register(sdk, contoso::HEAT_PUMP).await;
        let errors = &reported.json["errors"];
        assert_eq!(reported.ended.code, 1, "{sdk:?}\n{}\n{}", reported.ended, whole.log());
        if sdk == Sdk::Python {
            // The SDK keeps the code and the message to itself.
            assert_eq!(
                (&errors[0]["type"], &errors[0]["message"]),
                (&json!("ClientError"), &json!("Unexpected failure"))
            );
            let cause =
                "Query Status operation returned a failed registration status with a status code of 200";
            assert_eq!((&errors[1]["type"], &errors[1]["message"]), (&json!("ServiceError"), &json!(cause)));
        } else {
            assert_eq!(errors[0]["message"], "registration failed", "{sdk:?}\n{}", reported.ended);
            let state = &errors[0]["result"]["registrationState"];
            assert_eq!(state["errorCode"], 400_207, "{sdk:?}\n{}", reported.ended);
            assert_eq!(state["errorMessage"], "Custom allocation failed with status code: 400", "{sdk:?}");
        }
    }
    assert_eq!(
        whole.log().matches("] Unrecognized device registration.").count(),
        ALL.len(),
        "{}",
        whole.log()
    );
    whole.emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused() {
    let stage = stage().await;
    for sdk in ALL {
        let key = STANDARD.encode(server::device_key("another-device"));
        let reported = register(sdk, &stage.dps, server::SCOPE, "contoso-toaster-007", &key, None).await;
        let error = &reported.json["errors"][0];
        let (kind, message) = match sdk {
            Sdk::Python => ("CredentialError", "Credentials invalid, could not connect"),
            Sdk::NodeMqtt => ("Error", "Connection refused: Not authorized"),
            Sdk::NodeHttps => ("UnauthorizedError", r#"{"errorCode":401002,"#),
        };
        assert_eq!((reported.ended.code, &error["type"]), (1, &json!(kind)), "{sdk:?}\n{}", reported.ended);
        let text = error["message"].as_str().unwrap_or_default();
        assert!(text.contains(message), "{sdk:?}\n{}\n{}", reported.ended, stage.whole_log());
    }
    assert!(stage.webhook.calls().is_empty(), "{:?}", stage.webhook.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policys_payload_is_received() {
    let stage = stage().await;
    let answer =
        json!({"iotHubHostName": server::HUB, "payload": {"maxTemp": 80, "note": "from the policy"}});
    stage.webhook.answers([(200, &answer.to_string())]);
    for sdk in ALL {
        let reported = register_at(&stage, sdk, "contoso-toaster-007").await;
        assert_eq!(
            (reported.ended.code, &reported.json["payload"]),
            (0, &answer["payload"]),
            "{sdk:?}\n{}\n{}",
            reported.ended,
            stage.whole_log()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_device_is_named_with_its_hub() {
    let stage = stage().await;
    for sdk in ALL {
        let id = format!("device-{sdk:?}");
        for _ in 0..2 {
            let reported = register_at(&stage, sdk, &id).await;
            assert_eq!(reported.ended.code, 0, "{sdk:?}\n{}\n{}", reported.ended, stage.whole_log());
        }
        let calls = stage.webhook.calls();
        let context = |nth: usize| {
            let call: Value = serde_json::from_str(&calls[calls.len() - nth]).unwrap();
            call["deviceRuntimeContext"].clone()
        };
        assert_eq!(context(2), json!({"registrationId": id, "symmetricKey": {}}), "{sdk:?}");
        let again = json!({
            "registrationId": id,
            "currentIotHubHostName": server::HUB,
            "currentDeviceId": id,
            "symmetricKey": {},
        });
        assert_eq!(context(1), again, "{sdk:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_may_be_slow_and_fail_twice() {
    let stage = stage().await;
    let assigned = json!({"iotHubHostName": server::HUB}).to_string();
    for sdk in ALL {
        stage.webhook.answers([(500, "down"), (500, "down"), (200, &assigned)]);
        stage.webhook.hold();
        let before = stage.webhook.calls().len();
        let (reported, ()) = tokio::join!(register_at(&stage, sdk, "contoso-toaster-007"), async {
            let called = timeout(DEADLINE, async {
                while stage.webhook.calls().len() == before {
                    sleep(Duration::from_millis(10)).await;
                }
            });
            // What then follows makes the webhook slow, and is nothing that the test waits for.
            if called.await.is_ok() {
                sleep(Duration::from_secs(4)).await;
            }
            stage.webhook.release();
        });
        assert_eq!(
            (reported.ended.code, &reported.json["hub"]),
            (0, &json!(server::HUB)),
            "{sdk:?}\n{}\n{}",
            reported.ended,
            stage.whole_log()
        );
        assert_eq!(stage.webhook.calls().len() - before, 3, "{sdk:?}\n{}", stage.whole_log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_answers_garbage_fails_the_registration() {
    let stage = stage().await;
    stage.webhook.answers([(200, "<html>not the webhook</html>")]);
    for sdk in ALL {
        let reported = register_at(&stage, sdk, "contoso-toaster-007").await;
        let error = &reported.json["errors"][0];
        assert_eq!(reported.ended.code, 1, "{sdk:?}\n{}\n{}", reported.ended, stage.whole_log());
        match sdk {
            Sdk::Python => assert_eq!(error["message"], "Unexpected failure", "{}", reported.ended),
            _ => assert_eq!(error["result"]["registrationState"]["errorCode"], 400_207, "{}", reported.ended),
        }
    }
}

#[test]
fn a_missing_tool_is_named_in_one_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tools = tempfile::tempdir().unwrap();
    let offer = |tool: &str| {
        let path = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file());
        let found = found.unwrap_or_else(|| panic!("no {tool}"));
        std::os::unix::fs::symlink(found, tools.path().join(tool)).unwrap();
    };
    offer("bash");
    offer("dirname");
    for (missing, expected) in [
        (
            "python3",
            "install-sdks.sh: python3 is missing; install Python 3.9 or later (Debian: apt install python3 python3-venv)\n",
        ),
        (
            "node",
            "install-sdks.sh: node is missing; install Node.js 18 or later (Debian: apt install nodejs npm)\n",
        ),
        ("curl", "install-sdks.sh: curl is missing; install it (Debian: apt install curl)\n"),
        (
            "mosquitto_rr",
            "install-sdks.sh: mosquitto_rr is missing; install it (Debian: apt install mosquitto-clients)\n",
        ),
    ] {
        let mut script = Command::new(tools.path().join("bash"));
        let ended = run(script.arg(root.join("scripts/install-sdks.sh")).env("PATH", tools.path()), "");
        assert_eq!((ended.code, ended.stderr.as_str()), (1, expected), "without {missing}\n{ended}");
        offer(missing);
    }
}
