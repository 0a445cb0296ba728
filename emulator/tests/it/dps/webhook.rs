//! Custom allocation: what the webhook is sent, and what its answers do.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use provisioning_service::ServiceOptions;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::rig::{
    GROUP_KEY, HEATPUMPS, KEY_A, Rig, TOASTERS, attestation, config, eager, group, individual, with,
};
use super::webhook_server::{Reply, WebhookServer, custom};
use crate::program::closed_port;

const ID: &str = "contoso-toaster-007";

/// What a device with `members` in its group sees in the end.
async fn outcome(rig: &Rig) -> Value {
    rig.register(ID, "").await["registrationState"].clone()
}

#[tokio::test]
async fn the_request_is_the_tutorial_s_to_the_byte() {
    for (id, name) in [(ID, "toaster"), ("contoso-heatpump-088", "heat pump")] {
        let webhook = WebhookServer::start(vec![Reply::hub(TOASTERS)]).await;
        let recorded = recorded(id);
        // The enrollment of the recording, with a key, and with this webhook in place of Microsoft's.
        let mut enrollment = serde_json::from_str::<Value>(&recorded).unwrap()["enrollmentGroup"].clone();
        enrollment["attestation"] = attestation(GROUP_KEY);
        enrollment["customAllocationDefinition"]["webhookUrl"] = webhook.url().into();
        let rig = Rig::with(&config(&[enrollment], &[]), eager());
        let payload = r#"{"MyDeviceFirmwareVersion":"12.0.2.5","MyDeviceProvisioningVersion":"1.0.0.0"}"#;
        rig.register(id, &format!(r#"{{"registrationId":"{id}","payload":{payload}}}"#)).await;

        let sent = webhook.sent();
        assert_eq!(sent.len(), 1, "{name}");
        assert_eq!(sent[0].head, "POST /api/HttpTrigger1?code=s3cret%2Bkey application/json; charset=utf-8");
        let here = webhook.url().replace("?code=s3cret%2Bkey", "?****");
        let expected =
            recorded.replace("https://contoso-function-app.azurewebsites.net/api/HttpTrigger1?****", &here);
        assert_eq!(sent[0].body, expected, "{name}");
    }
}

/// The request for `id` that Microsoft's tutorial shows.
fn recorded(id: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/requests");
    fs::read_to_string(folder.join(format!("{id}.json"))).unwrap()
}

#[tokio::test]
async fn members_come_in_the_service_s_order_and_none_is_lost() {
    let webhook = WebhookServer::start(vec![Reply::hub(HEATPUMPS)]).await;
    let twin = json!({"tags": {"x": 1}, "properties": {"desired": {}}});
    let device = json!({
        "future": {"a": [1, null]},
        "customAllocationDefinition": {"apiVersion": "2021-10-01", "webhookUrl": webhook.url(), "extra": true},
        "allocationPolicy": "custom",
        "optionalDeviceInformation": {"color": "red"},
        "createdDateTimeUtc": "2022-07-05T21:27:16.8123235Z",
        "initialTwin": twin,
        "capabilities": {"iotEdge": true},
        "deviceId": "kettle",
        "attestation": {"symmetricKey": {"primaryKey": KEY_A, "secondaryKey": GROUP_KEY}, "type": "symmetricKey"},
        "registrationId": "dev-1",
    });
    let rig = Rig::with(&config(&[], &[device]), eager());
    rig.run(&rig.authenticate("dev-1", KEY_A).unwrap(), r#"{"payload":[ 1.50 ,"x \" y",	-0 , " é " ]}"#)
        .await;

    let body = webhook.sent().remove(0).body;
    let etag = &body[body.find("\"etag\":").unwrap()..body.find(",\"provisioningStatus\"").unwrap()];
    let updated =
        &body[body.find("\"lastUpdatedDateTimeUtc\":").unwrap()..body.find(",\"allocationPolicy\"").unwrap()];
    let expected = format!(
        "{{\"individualEnrollment\":{{\"registrationId\":\"dev-1\",\"deviceId\":\"kettle\",\
         \"attestation\":{{\"type\":\"symmetricKey\"}},\"optionalDeviceInformation\":{{\"color\":\"red\"}},\
         \"capabilities\":{{\"iotEdge\":true}},\
         \"initialTwin\":{{\"tags\":{{\"x\":1}},\"properties\":{{\"desired\":{{}}}}}},\
         {etag},\"provisioningStatus\":\"enabled\",\"createdDateTimeUtc\":\"2022-07-05T21:27:16.8123235Z\",\
         {updated},\"allocationPolicy\":\"custom\",\
         \"customAllocationDefinition\":{{\"webhookUrl\":\"{}\",\"apiVersion\":\"2021-10-01\",\"extra\":true}},\
         \"future\":{{\"a\":[1,null]}}}},\
         \"deviceRuntimeContext\":{{\"registrationId\":\"dev-1\",\"symmetricKey\":{{}},\"payload\":[1.50,\"x \\\" y\",-0,\" é \"]}},\
         \"linkedHubs\":[\"{TOASTERS}\",\"{HEATPUMPS}\"]}}",
        webhook.url().replace("code=s3cret%2Bkey", "****"),
    );
    assert_eq!(body, expected);
    assert!(etag.starts_with(r#""etag":"\""#) && etag.len() == 49, "{etag}");
    assert_eq!(
        updated.len(),
        r#""lastUpdatedDateTimeUtc":"2022-07-05T21:27:16.8123235Z""#.len(),
        "{updated}"
    );
}

#[tokio::test]
async fn the_stamps_of_an_enrollment_change_when_its_record_does_and_not_with_a_restart() {
    let webhook = WebhookServer::start(vec![Reply::hub(TOASTERS)]).await;
    let changed = || json!({"capabilities": {"iotEdge": true}});
    let mut stamps: Vec<[Value; 3]> = Vec::new();
    let mut rig = Rig::with(&config(&[group(webhook.policy())], &[]), eager());
    for members in [webhook.policy(), with(webhook.policy(), changed()), with(webhook.policy(), changed())] {
        rig = rig.restarted(&config(&[group(members)], &[]));
        rig.register(ID, "").await;
        let sent: Value = serde_json::from_str(&webhook.sent().last().unwrap().body).unwrap();
        let member = |name: &str| sent["enrollmentGroup"][name].clone();
        stamps.push(["etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc"].map(member));
    }
    let [[etag, created, updated], second, third] = &stamps[..] else { panic!("{stamps:?}") };
    assert!(created == updated && *second == *third, "{stamps:?}");
    assert!(
        second[0] != *etag && second[1] == *created && second[2].as_str() > updated.as_str(),
        "{stamps:?}"
    );
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    let with_status = |status: u16| format!("Custom allocation failed with status code: {status}");
    let own = |what: &str| {
        format!("Custom allocation failed: {what} (the emulator's words; the service's are not known)")
    };
    let unreadable = own("the webhook answered 200 with an invalid allocation response");
    let no_hub = own("the webhook answered 200 without iotHubHostName");
    let other_hub = own("the webhook answered a hub that is not among the linkedHubs it was sent");
    // Status and body; then the error, the calls, and the line of the log before the last.
    let table: Vec<(u16, Value, u32, String, usize, Option<String>)> = vec![
        (400, "Unrecognized device registration.".into(), 400_207, with_status(400), 1, None),
        (401, "".into(), 400_209, with_status(401), 1, None),
        (403, "".into(), 400_207, with_status(403), 1, None),
        (404, "".into(), 400_207, with_status(404), 1, None),
        (428, "".into(), 400_207, with_status(428), 1, None),
        (201, json!({"iotHubHostName": TOASTERS}), 400_207, with_status(201), 1, None),
        (204, "".into(), 400_207, with_status(204), 1, None),
        (302, "".into(), 400_207, with_status(302), 1, None),
        (429, "".into(), 400_207, with_status(429), 3, None),
        (500, "".into(), 400_207, with_status(500), 3, None),
        (503, "busy".into(), 400_207, with_status(503), 3, None),
        (
            200,
            json!({"iotHubHostName": null}),
            400_208,
            no_hub.clone(),
            1,
            Some("the webhook's body has no iotHubHostName, or an empty one".to_owned()),
        ),
        (
            200,
            json!({"iotHubHostName": ""}),
            400_208,
            no_hub.clone(),
            1,
            Some("the webhook's body has no iotHubHostName, or an empty one".to_owned()),
        ),
        (
            200,
            json!({"iotHubHostName": "contoso-fridges-hub.azure-devices.net"}),
            400_207,
            other_hub.clone(),
            1,
            Some(format!(
                "the webhook answered “contoso-fridges-hub.azure-devices.net”, expected one of the linkedHubs {TOASTERS}, {HEATPUMPS}"
            )),
        ),
        (
            200,
            "contoso".into(),
            400_207,
            unreadable.clone(),
            1,
            Some("the webhook's body cannot be read: expected a JSON object".to_owned()),
        ),
        (
            200,
            "".into(),
            400_207,
            unreadable.clone(),
            1,
            Some("the webhook's body cannot be read: expected a JSON object".to_owned()),
        ),
        (
            200,
            json!([TOASTERS]),
            400_207,
            unreadable.clone(),
            1,
            Some("the webhook's body cannot be read: expected a JSON object".to_owned()),
        ),
        (
            200,
            json!({"iotHubHostName": 1}),
            400_207,
            unreadable.clone(),
            1,
            Some("the webhook's body cannot be read: expected a string as iotHubHostName".to_owned()),
        ),
        (
            200,
            "x".repeat(1_025).into(),
            400_207,
            own("the webhook answered 200 with a body that is too long"),
            1,
            None,
        ),
    ];
    for (status, body, code, message, calls, remark) in table {
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let webhook = WebhookServer::start(vec![Reply::new(status, &text)]).await;
        let mut options = eager();
        options.webhook.answer_limit = 1_024;
        let rig = Rig::with(&config(&[group(webhook.policy())], &[]), options);
        let state = outcome(&rig).await;
        let seen = (&state["status"], &state["errorCode"], &state["errorMessage"], webhook.sent().len());
        assert_eq!(
            seen,
            (&json!("failed"), &json!(code), &json!(message), calls),
            "{status} {text}: {:#?}",
            rig.log()
        );

        let log = rig.log();
        let (level, shown) = match status {
            200 if text.len() > 1_024 => ("Information", "(more than 1024 bytes)"),
            200 => ("Information", &*text),
            204 => ("Warning", ""),
            _ => ("Warning", &*text),
        };
        let attempt = format!("{level} {ID}: webhook attempt 1 answered {status} after ");
        let entry =
            log.iter().find(|entry| entry.starts_with(&attempt)).unwrap_or_else(|| panic!("{log:#?}"));
        assert!(entry.ends_with(&format!(" ms: {shown}")), "{entry}");
        if let Some(remark) = remark {
            assert_eq!(log[log.len() - 2], format!("Warning {ID}: {remark}"));
        }
        assert_eq!(*log.last().unwrap(), format!("Error {ID}: failed: {code} {message}"));
    }
}

#[tokio::test]
async fn a_hub_is_assigned_whatever_stands_beside_it() {
    let answer = json!({
        "iotHubHostName": HEATPUMPS.to_uppercase(),
        "initialTwin": {"tags": {"deviceType": "toaster"}},
        "payload": {"maxTemp": 80, "note": " a  b "},
        "IoTHub": "x", "linkedHubs": [],
    });
    let pretty = format!("\u{feff}{}\n", serde_json::to_string_pretty(&answer).unwrap());
    let webhook = WebhookServer::start(vec![Reply::new(200, pretty)]).await;
    let rig = Rig::with(&config(&[group(webhook.policy())], &[]), eager());
    let state = outcome(&rig).await;
    assert_eq!((&state["status"], &state["assignedHub"]), (&json!("assigned"), &json!(HEATPUMPS)));
    assert_eq!(state["payload"], json!({"maxTemp": 80, "note": " a  b "}));
    assert!(!rig.log().iter().any(|entry| entry.starts_with("Warning")), "{:#?}", rig.log());
    let kept = rig.kept(ID);
    assert_eq!(kept["initialTwin"], json!({"tags": {"deviceType": "toaster"}}));
    assert_eq!(kept["state"]["payload"], json!({"maxTemp": 80, "note": " a  b "}));
}

#[tokio::test]
async fn members_in_another_case_are_understood_and_remarked_on() {
    let answer = json!({"IotHubHostname": TOASTERS, "Payload": {"a": 1}});
    let webhook = WebhookServer::start(vec![Reply::new(200, answer)]).await;
    let rig = Rig::with(&config(&[group(webhook.policy())], &[]), eager());
    let state = outcome(&rig).await;
    assert_eq!((&state["assignedHub"], &state["payload"]), (&json!(TOASTERS), &json!({"a": 1})));
    for (wrote, documented) in [("IotHubHostname", "iotHubHostName"), ("Payload", "payload")] {
        rig.assert_logged(&format!("Warning {ID}: the webhook wrote {wrote}, expected {documented}"));
    }
}

#[tokio::test]
async fn an_initial_twin_that_hubs_may_not_understand_is_remarked_on_and_a_null_payload_is_none() {
    let answer =
        json!({"iotHubHostName": TOASTERS, "initialTwin": {"properties": {"Desired": {}}}, "payload": null});
    let webhook = WebhookServer::start(vec![Reply::new(200, answer)]).await;
    let rig = Rig::with(&config(&[group(webhook.policy())], &[]), eager());
    let state = outcome(&rig).await;
    assert_eq!((&state["status"], state.get("payload")), (&json!("assigned"), None));
    rig.assert_logged(&format!(
        "Warning {ID}: the webhook's initialTwin: properties has unknown members; expected desired"
    ));
}

#[tokio::test]
async fn a_payload_that_is_a_number_a_text_or_a_boolean_is_refused() {
    let message = "Custom allocation failed: the webhook's payload is not an object (the emulator's words; the service's are not known)";
    for (payload, found) in [(json!("text"), "a string"), (json!(-1), "a number"), (json!(true), "a boolean")]
    {
        let answer = json!({"iotHubHostName": TOASTERS, "payload": payload});
        let webhook = WebhookServer::start(vec![Reply::new(200, answer)]).await;
        let rig = Rig::with(&config(&[group(webhook.policy())], &[]), eager());
        let state = outcome(&rig).await;
        assert_eq!((&state["errorCode"], &state["errorMessage"]), (&json!(400_207), &json!(message)));
        rig.assert_logged(&format!(
            "Warning {ID}: expected an object as the webhook's payload, found {found}: refused, as one author saw the \
             service do (https://github.com/MicrosoftDocs/azure-docs/issues/81865)"
        ));
    }
    let webhook =
        WebhookServer::start(vec![Reply::new(200, json!({"iotHubHostName": TOASTERS, "payload": [1]}))])
            .await;
    let rig = Rig::with(&config(&[group(webhook.policy())], &[]), eager());
    assert_eq!(outcome(&rig).await["payload"], json!([1]));
    rig.assert_logged(&format!(
        "Warning {ID}: expected an object as the webhook's payload, found an array; some devices cannot read that"
    ));
}

#[tokio::test]
async fn trouble_that_passes_is_waited_out_while_the_device_is_assigning() {
    let replies = vec![Reply::new(500, "one"), Reply::new(429, "two"), Reply::hub(TOASTERS)];
    let webhook = WebhookServer::start(replies).await;
    let mut options = eager();
    options.webhook.first_pause = Duration::from_millis(20);
    options.webhook.pause_growth = Duration::from_millis(30);
    let rig = Rig::with(&config(&[group(webhook.policy())], &[]), options);
    let started = Instant::now();
    assert_eq!(outcome(&rig).await["status"], "assigned");
    assert!(started.elapsed() >= Duration::from_millis(20 + 50), "{:?}", started.elapsed());
    let sent = webhook.sent();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|one| one.body == sent[0].body), "{sent:?}");
    rig.assert_logged(&format!("Information {ID}: the webhook is asked again in 20 ms, as attempt 2 of 3"));
    rig.assert_logged(&format!("Information {ID}: the webhook is asked again in 50 ms, as attempt 3 of 3"));
}

#[tokio::test]
async fn the_retries_are_the_documented_ones_by_default() {
    let options = ServiceOptions::default().webhook;
    let pauses = (0..options.retries).map(|nth| options.first_pause + options.pause_growth * nth);
    assert_eq!(
        pauses.map(|pause| pause.as_secs()).collect::<Vec<_>>(),
        [1, 10, 19, 28, 37, 46, 55, 64, 73, 82]
    );
}

#[tokio::test]
async fn a_webhook_that_gives_no_answer_is_asked_again() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let rude = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let babbling = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (_closed, closed) = closed_port();
    let url = |address: SocketAddr| format!("http://{address}/f?code=s3cret");
    let [silent_url, rude_url, babbling_url] =
        [&silent, &rude, &babbling].map(|listener| url(listener.local_addr().unwrap()));
    let no_tls = babbling_url.replace("http:", "https:");
    let urls = [silent_url, rude_url, babbling_url, no_tls, url(closed)];
    tokio::spawn(async move {
        loop {
            drop(rude.accept().await);
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = babbling.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"SSH-2.0-x\r\n\r\n").await;
        }
    });
    let endings = ["timed out after 50 ms", "", "", "InvalidContentType", ""];
    for (url, ending) in urls.iter().zip(endings) {
        let mut options = eager();
        // A busy machine may need long to say that a connection is refused.
        options.webhook.timeout = Duration::from_millis(if ending.contains("50 ms") { 50 } else { 10_000 });
        let rig = Rig::with(&config(&[group(custom(url))], &[]), options);
        let state = outcome(&rig).await;
        assert_eq!(
            (&state["errorCode"], &state["errorMessage"]),
            (
                &json!(400_207),
                &json!(
                    "Custom allocation failed: the webhook gave no answer (the emulator's words; the service's are not known)"
                )
            )
        );
        let log = rig.log();
        for attempt in 1..=3 {
            let entry = format!("Error {ID}: webhook attempt {attempt} gave no answer after ");
            assert!(
                log.iter().any(|one| one.starts_with(&entry) && one.ends_with(ending)),
                "{entry}: {log:#?}"
            );
        }
        assert!(!log.join("\n").contains("s3cret"), "{log:#?}");
    }
}

#[tokio::test]
async fn a_dead_webhook_holds_up_its_own_devices_only() {
    let dead = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let dead = custom(&format!("http://{}/f", dead.local_addr().unwrap()));
    let alive = WebhookServer::start(vec![Reply::hub(TOASTERS)]).await;
    let mut options = eager();
    options.webhook.timeout = Duration::from_secs(600);
    options.webhook.concurrency = 2;
    let devices = [individual("dev-1", KEY_A, alive.policy())];
    let rig = Rig::with(&config(&[group(dead)], &devices), options);
    for nth in 0..50 {
        assert_eq!(rig.service.register(&rig.device(&format!("stuck-{nth}")), b"").status, 202);
    }
    let device = rig.authenticate("dev-1", KEY_A).unwrap();
    assert_eq!(rig.run(&device, "").await["status"], "assigned");
    rig.service.stop();
}

#[tokio::test]
async fn calls_at_once_are_bounded_and_no_device_is_lost() {
    let slow = Reply::hub(TOASTERS).after(Duration::from_millis(50));
    let webhook = WebhookServer::start(vec![slow]).await;
    let mut options = eager();
    options.webhook.concurrency = 5;
    let rig = Rig::with(&config(&[group(webhook.policy())], &[]), options);
    let started = Instant::now();
    let devices: Vec<_> = (0..20).map(|nth| rig.device(&format!("dev-{nth}"))).collect();
    let operations: Vec<String> = devices
        .iter()
        .map(|device| {
            let body: Value = serde_json::from_str(&rig.service.register(device, b"").body).unwrap();
            body["operationId"].as_str().unwrap().to_owned()
        })
        .collect();
    for (device, operation) in devices.iter().zip(&operations) {
        assert_eq!(rig.poll(device, operation).await["status"], "assigned");
    }
    assert!(started.elapsed() >= Duration::from_millis(4 * 50), "{:?}", started.elapsed());
    assert_eq!(webhook.sent().len(), 20);
}

#[tokio::test]
async fn the_function_s_key_stays_out_of_the_log_even_if_the_function_repeats_it() {
    let told = "refused: /api/HttpTrigger1?code=s3cret%2Bkey&sig=s3cret-too is s3cret+key\r\nsecond line";
    let webhook = WebhookServer::start(vec![Reply::new(400, told)]).await;
    let rig =
        Rig::with(&config(&[group(custom(&format!("{}&sig=s3cret-too", webhook.url())))], &[]), eager());
    outcome(&rig).await;
    let log = rig.log();
    assert!(!log.join("\n").contains("s3cret"), "{log:#?}");
    let entry = log.iter().find(|entry| entry.contains("webhook attempt 1")).unwrap();
    let shown = "ms: refused: /api/HttpTrigger1?code=****&sig=**** is ****\\r\\nsecond line";
    assert!(entry.ends_with(shown), "{entry}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_decides_the_registration(
        status in 200..600_u16,
        body in prop_oneof![".{0,40}", "\\{\"(iotHubHostName|payload|initialTwin)\":[\\[\\]{}\",:0-9a-z]{0,20}\\}"],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let webhook = WebhookServer::start(vec![Reply::new(status, &body)]).await;
            let rig = Rig::with(&config(&[group(webhook.policy())], &[]), eager());
            let state = outcome(&rig).await;
            assert_eq!(state["status"], "failed", "{status} {body}");
        });
    }
}
