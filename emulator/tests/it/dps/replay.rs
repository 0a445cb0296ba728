//! What the device SDKs put on the wire over MQTT, replayed byte for byte, and what each needs to read back.
//!
//! C, Python, Node and .NET as recorded; Java as its sources say (`provisioning-device-client` of
//! Azure/azure-iot-sdk-java).

use std::time::Duration;

use rustls::SupportedProtocolVersion;
use rustls::version::TLS12;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::mqtt_client::{
    ANSWERS, Answer, connect, puback, publish, publish_1, register_topic, status_topic, subscribe,
    unsubscribe,
};
use super::server::{DEADLINE, Device, HUB, SCOPE, Stage, device_key, in_an_hour, signature};

const ID: &str = "contoso-toaster-007";

const TOASTER: &str = r#"{"iotHubHostName":"contoso-toasters-hub-1098.azure-devices.net",
    "initialTwin":{"tags":{"deviceType":"toaster"},"properties":{"desired":{"state":"ready"}}},
    "payload":{"maxTemp":80,"note":"from allocation"}}"#;

const ONLY_1_2: &[&SupportedProtocolVersion] = &[&TLS12];

/// How a client makes itself known and what it asks with.
struct Sdk {
    name: &'static str,
    versions: &'static [&'static SupportedProtocolVersion],
    /// Flags and keep-alive of the CONNECT.
    flags: u8,
    keep_alive: u16,
    /// What follows the registration id in the username.
    version: &'static str,
    /// Makes the token with this key.
    token: fn(&[u8]) -> String,
    subscribe_id: u16,
    /// The packet id of the register PUBLISH, which is followed by the next; `None` is QoS 0.
    publish_id: Option<u16>,
    rids: [&'static str; 3],
    register: &'static str,
    poll: &'static str,
    /// The payload that the webhook is to see.
    payload: Value,
    end: End,
}

enum End {
    Disconnect,
    UnsubscribeAndDisconnect,
    Close,
}

const SDKS: [fn() -> Sdk; 5] = [c, python, node, dotnet, java];

/// azure-iot-sdk-c 1.14.0.
fn c() -> Sdk {
    Sdk {
        name: "C",
        versions: rustls::ALL_VERSIONS,
        flags: 0xc2,
        keep_alive: 0,
        version: "api-version=2021-06-01&ClientVersion=1.14.0",
        token: |key| {
            let sr = format!("{SCOPE}%2fregistrations%2f{ID}");
            let expiry = in_an_hour() - 1200;
            let signature = signature(key, &sr, expiry);
            let signature = signature.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d");
            format!("SharedAccessSignature sr={sr}&sig={signature}&se={expiry}&skn=registration")
        },
        subscribe_id: 1,
        publish_id: None,
        rids: ["1", "2", "3"],
        register: r#"{"registrationId":"contoso-toaster-007","payload":{"a":"b"}}"#,
        poll: r#"{"registrationId":"contoso-toaster-007","payload":{"a":"b"}}"#,
        payload: json!({"a": "b"}),
        end: End::Disconnect,
    }
}

/// azure-iot-device 2.14.0.
fn python() -> Sdk {
    Sdk {
        name: "Python",
        versions: ONLY_1_2,
        flags: 0xc0,
        keep_alive: 60,
        version: "api-version=2019-03-31&ClientVersion=azure-iot-device-provisioning-py%2F2.14.0%283.11.7%3BLinux%20%231%20SMP%20PREEMPT_DYNAMIC%20%400%3Bx86_64%29",
        token: |key| {
            let sr = format!("{SCOPE}%2Fregistrations%2F{ID}");
            let expiry = in_an_hour();
            format!("SharedAccessSignature sr={sr}&sig={}&se={expiry}", signature(key, &sr, expiry))
        },
        subscribe_id: 1,
        publish_id: Some(2),
        rids: [
            "7a1cc1f6-26b2-4e22-95e2-67dba0b8e6bd",
            "5d24e5a8-1c33-43a9-9e93-3b32e3a0fd61",
            "0c05c8dd-6f64-4b0f-9a43-2d9b0d4f9b83",
        ],
        register: r#"{"payload": null, "registrationId": "contoso-toaster-007"}"#,
        poll: " ",
        payload: Value::Null,
        end: End::Disconnect,
    }
}

/// azure-iot-provisioning-device 1.9.1.
fn node() -> Sdk {
    Sdk {
        name: "Node",
        versions: rustls::ALL_VERSIONS,
        flags: 0xc2,
        keep_alive: 180,
        version: "api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1",
        token: |key| {
            let sr = format!("{SCOPE}/registrations/{ID}");
            let expiry = in_an_hour();
            let signature = signature(key, &sr, expiry);
            format!("SharedAccessSignature sr={sr}&sig={signature}&skn=registration&se={expiry}")
        },
        subscribe_id: 0x8d31,
        publish_id: Some(0x8d32),
        rids: [
            "3fb6a2c1-8c2c-4d8e-8a3c-f1c0a0f2f6a1",
            "c5fd7f38-17f1-4d0e-b5a7-9a3a6c9f4f02",
            "9b1d3a67-52ab-4a7e-9d55-0dbb6a3a7b13",
        ],
        register: r#"{"registrationId":"contoso-toaster-007"}"#,
        poll: " ",
        payload: Value::Null,
        end: End::UnsubscribeAndDisconnect,
    }
}

/// Microsoft.Azure.Devices.Provisioning.Client 1.19.4.
fn dotnet() -> Sdk {
    Sdk {
        name: ".NET",
        versions: rustls::ALL_VERSIONS,
        flags: 0xc2,
        keep_alive: 0,
        version: "api-version=2019-03-31&ClientVersion=.NET%2F1.19.4%20%28.NET%206.0.25%3B%20Linux%3B%20X64%29",
        token: |key| {
            let sr = format!("{SCOPE}%2Fregistrations%2F{ID}");
            let expiry = in_an_hour() + 23 * 3600;
            let signature = signature(key, &sr, expiry);
            format!("SharedAccessSignature sr={sr}&sig={signature}&se={expiry}&skn=registration")
        },
        subscribe_id: 1,
        publish_id: Some(2),
        rids: ["2", "3", "4"],
        register: r#"{"payload":{"a":"b"}}"#,
        poll: "",
        payload: json!({"a": "b"}),
        end: End::Disconnect,
    }
}

/// provisioning-device-client 2.1.3.
fn java() -> Sdk {
    Sdk {
        name: "Java",
        versions: ONLY_1_2,
        flags: 0xc0,
        keep_alive: 230,
        version: "api-version=2019-03-31&ClientVersion=2019-03-31",
        token: |key| {
            let sr = format!("{SCOPE}/registrations/{ID}");
            let expiry = in_an_hour();
            format!("SharedAccessSignature sr={sr}&sig={}&se={expiry}&skn=", signature(key, &sr, expiry))
        },
        subscribe_id: 1,
        publish_id: None,
        rids: ["1", "2", "3"],
        register: r#"{"registrationId":"contoso-toaster-007","payload":"{\"a\":\"b\"}"}"#,
        poll: r#"{"registrationId":"contoso-toaster-007","payload":"{\"a\":\"b\"}"}"#,
        payload: json!("{\"a\":\"b\"}"),
        end: End::Close,
    }
}

impl Sdk {
    /// Connects, with a token made with `key`; the return code of the CONNACK.
    async fn connect(&self, stage: &Stage, key: &[u8]) -> (Device, u8) {
        let (address, ca) = (stage.dps.mqtt_address(), stage.dps.ca_certificate());
        let mut device = Device::connect(address, ca, self.versions).await;
        let username = format!("{SCOPE}/registrations/{ID}/{}", self.version);
        device.send(&connect(self.flags, self.keep_alive, ID, &username, &(self.token)(key))).await;
        let connack = device.read(4).await;
        // "Session present" is never set, whatever was asked for: .NET would fail on it.
        assert_eq!(connack[..3], [0x20, 2, 0], "{}", self.name);
        (device, connack[3])
    }

    async fn subscribe(&self, device: &mut Device) {
        device.send(&subscribe(self.subscribe_id, ANSWERS, 1)).await;
        let id = self.subscribe_id.to_be_bytes();
        device.expect(&[0x90, 3, id[0], id[1], 1]).await;
    }

    /// Sends the `nth` request and reads its answer.
    async fn ask(&self, device: &mut Device, nth: u16, topic: &str, body: &str) -> Answer {
        let asked = Instant::now();
        match self.publish_id {
            None => device.send(&publish(topic, body.as_bytes())).await,
            Some(id) => {
                device.send(&publish_1(id + nth, topic, body.as_bytes())).await;
                // The PUBACK must be the next thing that comes: .NET gives up on anything else.
                device.expect(&puback(id + nth)).await;
            }
        }
        let answer = device.answer().await;
        // Java starts to listen some milliseconds after it has asked.
        assert!(asked.elapsed() >= Duration::from_millis(50), "{}: {:?}", self.name, asked.elapsed());
        // .NET acknowledges every answer, so each must be at QoS 1 and have a packet id.
        assert_eq!(answer.first, 0x32, "{}: {answer:?}", self.name);
        assert!(answer.id.is_some_and(|id| id > 0), "{}: {answer:?}", self.name);
        answer
    }

    /// The whole registration. `settle` is called between two polls; the operation id and the last answer.
    async fn register(&self, stage: &Stage, settle: impl FnOnce()) -> (String, Answer) {
        let (mut device, code) = self.connect(stage, &device_key(ID)).await;
        assert_eq!(code, 0, "{}\n{}", self.name, stage.whole_log());
        self.subscribe(&mut device).await;

        let answer = self.ask(&mut device, 0, &register_topic(self.rids[0]), self.register).await;
        assert_eq!(answer.topic, format!("$dps/registrations/res/202/?$rid={}&retry-after=3", self.rids[0]));
        let operation_id = answer.body["operationId"].as_str().unwrap().to_owned();
        assert_eq!(answer.body, json!({"operationId": operation_id, "status": "assigning"}), "{}", self.name);

        let status = |rid: &str| status_topic(rid, &operation_id);
        let answer = self.ask(&mut device, 1, &status(self.rids[1]), self.poll).await;
        assert_eq!(answer.topic, format!("$dps/registrations/res/202/?$rid={}&retry-after=3", self.rids[1]));
        // Java and the identity service require both in the state, from the first poll on.
        assert_eq!(answer.body["operationId"], operation_id, "{}", self.name);
        assert_eq!(answer.body["status"], "assigning", "{}", self.name);
        assert_eq!(answer.body["registrationState"]["registrationId"], ID, "{}", self.name);
        assert_eq!(answer.body["registrationState"]["status"], "assigning", "{}", self.name);

        settle();
        let deadline = Instant::now() + DEADLINE;
        let mut nth = 2;
        let answer = loop {
            let answer = self.ask(&mut device, nth, &status(self.rids[2]), self.poll).await;
            if answer.body["status"] != "assigning" {
                break answer;
            }
            assert!(Instant::now() < deadline, "{}: still assigning\n{}", self.name, stage.whole_log());
            nth += 1;
        };
        assert_eq!(answer.topic, format!("$dps/registrations/res/200/?$rid={}", self.rids[2]));
        match self.end {
            End::Disconnect => device.send(&[0xe0, 0]).await,
            End::UnsubscribeAndDisconnect => {
                device.send(&unsubscribe(0x7777, ANSWERS)).await;
                device.expect(&[0xb0, 2, 0x77, 0x77]).await;
                device.send(&[0xe0, 0]).await;
            }
            End::Close => {
                use tokio::io::AsyncWriteExt as _;
                device.stream.shutdown().await.unwrap();
            }
        }
        device.expect_end().await;
        (operation_id, answer)
    }
}

/// A stand-in with the pace that devices meet, and a webhook that waits to be released.
async fn stage(status: u16, body: &str) -> Stage {
    let pace = Duration::from_millis(55);
    let stage = Stage::with(|options| options.answer_delay = pace).await;
    stage.webhook.answers([(status, body)]);
    stage.webhook.hold();
    stage
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("{member} should be a text: {value}"))
}

#[tokio::test]
async fn every_sdk_is_assigned() {
    for sdk in SDKS {
        let sdk = sdk();
        let stage = stage(200, TOASTER).await;
        let (operation_id, answer) = sdk.register(&stage, || stage.webhook.release()).await;
        let (body, state) = (&answer.body, &answer.body["registrationState"]);
        assert_eq!(body["operationId"], operation_id, "{}", sdk.name);
        assert_eq!(body["status"], "assigned", "{}: {body}", sdk.name);
        assert_eq!(state["status"], "assigned", "{}", sdk.name);
        assert_eq!(state["registrationId"], ID, "{}", sdk.name);
        // Python joins the next three and hangs if one is not a string; C requires the first two.
        assert_eq!(text(state, "assignedHub"), HUB, "{}", sdk.name);
        assert_eq!(text(state, "deviceId"), ID, "{}", sdk.name);
        assert_eq!(text(state, "substatus"), "initialAssignment", "{}", sdk.name);
        assert_eq!(state["payload"], json!({"maxTemp": 80, "note": "from allocation"}), "{}", sdk.name);
        for member in ["createdDateTimeUtc", "lastUpdatedDateTimeUtc"] {
            assert!(text(state, member).ends_with('Z'), "{}: {state}", sdk.name);
        }
        let calls = stage.webhook.calls();
        assert_eq!(calls.len(), 1, "{}: {calls:?}", sdk.name);
        let call: Value = serde_json::from_str(&calls[0]).unwrap();
        assert_eq!(call["deviceRuntimeContext"]["registrationId"], ID, "{}", sdk.name);
        assert_eq!(call["deviceRuntimeContext"]["payload"], sdk.payload, "{}: {call}", sdk.name);
    }
}

#[tokio::test]
async fn every_sdk_is_refused_by_the_policy() {
    for sdk in SDKS {
        let sdk = sdk();
        let stage = stage(400, "Unrecognized device registration.").await;
        let (operation_id, answer) = sdk.register(&stage, || stage.webhook.release()).await;
        let (body, state) = (&answer.body, &answer.body["registrationState"]);
        // C prints operation id, date and message only if it finds all three.
        assert_eq!(body["operationId"], operation_id, "{}", sdk.name);
        assert_eq!(body["status"], "failed", "{}: {body}", sdk.name);
        assert_eq!(state["status"], "failed", "{}", sdk.name);
        assert_eq!(state["registrationId"], ID, "{}", sdk.name);
        assert_eq!(state["errorCode"], 400_207, "{}", sdk.name);
        assert_eq!(
            text(state, "errorMessage"),
            "Custom allocation failed with status code: 400",
            "{}",
            sdk.name
        );
        assert!(text(state, "lastUpdatedDateTimeUtc").ends_with('Z'), "{}: {state}", sdk.name);
        assert_eq!(state.get("assignedHub"), None, "{}: {state}", sdk.name);
        // The device never sees what the webhook said; the log does.
        assert!(!body.to_string().contains("Unrecognized"), "{}: {body}", sdk.name);
        stage.says(&[ID, "Unrecognized device registration."]).await;
    }
}

#[tokio::test]
async fn every_sdk_is_turned_away_with_a_wrong_key() {
    let stage = Stage::start().await;
    for sdk in SDKS {
        let sdk = sdk();
        let (mut device, code) = sdk.connect(&stage, b"another key").await;
        assert_eq!(code, 5, "{}\n{}", sdk.name, stage.whole_log());
        device.expect_end().await;
    }
    assert_eq!(stage.lines(&[ID, "refused"]), SDKS.len(), "{}", stage.whole_log());
    assert!(stage.webhook.calls().is_empty());
}

/// azure-sdk-for-c and the FreeRTOS middleware: the username ends after the api-version, the token has no
/// `skn`, and the escapes are in lower case.
#[tokio::test]
async fn embedded_clients_are_assigned() {
    let sdk = Sdk {
        name: "embedded C",
        version: "api-version=2019-03-31",
        token: |key| {
            let sr = format!("{SCOPE}%2fregistrations%2f{ID}");
            let expiry = in_an_hour();
            format!("SharedAccessSignature sr={sr}&sig={}&se={expiry}", signature(key, &sr, expiry))
        },
        ..c()
    };
    let stage = stage(200, TOASTER).await;
    let (_, answer) = sdk.register(&stage, || stage.webhook.release()).await;
    assert_eq!(answer.body["status"], "assigned", "{answer:?}");
}
