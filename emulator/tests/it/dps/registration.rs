//! The life of a registration, as a device sees it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use provisioning_service::ServiceOptions;
use serde_json::{Value, json};

use super::rig::{
    HEATPUMPS, KEY_A, KEY_B, Rig, SCOPE, TOASTERS, attestation, config, derive, eager, group, individual,
    parsed, with,
};
use super::webhook_server::{Reply, WebhookServer};

const ID: &str = "contoso-toaster-007";

/// Members of a group whose devices all go to `hub`.
fn fixed(hub: &str) -> Value {
    json!({"allocationPolicy": "static", "iotHubs": [hub]})
}

/// `reprovisionPolicy` with these two flags.
fn reprovision(update: bool, migrate: bool) -> Value {
    json!({"reprovisionPolicy": {"updateHubAssignment": update, "migrateDeviceData": migrate}})
}

fn rig(members: Value) -> Rig {
    Rig::with(&config(&[group(members)], &[]), eager())
}

/// Asserts that `text` looks like `2019-12-27T19:51:41.6630592Z`, and returns it.
fn timestamp(value: &Value) -> &str {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is not a time"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.0000000Z", "{text}");
    text
}

#[tokio::test]
async fn a_registration_is_assigning_at_first_and_then_assigned() {
    let options = ServiceOptions { retry_after: 7, ..ServiceOptions::default() };
    let rig = Rig::with(&config(&[group(fixed(TOASTERS))], &[]), options);
    let device = rig.device(ID);

    let accepted = rig.service.register(&device, b"{\"registrationId\":\"contoso-toaster-007\"}");
    assert_eq!((accepted.status, accepted.retry_after), (202, Some(7)));
    let body = parsed(&accepted);
    let operation = body["operationId"].as_str().unwrap().to_owned();
    assert_eq!(body, json!({"operationId": operation, "status": "assigning"}));
    let lengths: Vec<_> = operation.split('.').map(str::len).collect();
    assert!(lengths == [1, 16, 36] && operation.starts_with(['4', '5']), "{operation}");

    // Decided long since, and not told yet: devices are to see what they see of the real service.
    rig.until_logged(|log| log.iter().any(|entry| entry.contains(": assigned to "))).await;
    let first = rig.service.operation_status(&device, &operation);
    assert_eq!((first.status, first.retry_after), (202, Some(7)));
    let body = parsed(&first);
    let created = timestamp(&body["registrationState"]["createdDateTimeUtc"]);
    assert_eq!(
        body,
        json!({
            "operationId": operation,
            "status": "assigning",
            "registrationState": {"registrationId": ID, "createdDateTimeUtc": created, "status": "assigning"},
        })
    );

    let second = rig.service.operation_status(&device, &operation);
    assert_eq!((second.status, second.retry_after), (200, None));
    let body = parsed(&second);
    let state = &body["registrationState"];
    let updated = timestamp(&state["lastUpdatedDateTimeUtc"]);
    assert!(updated >= created);
    let etag = state["etag"].as_str().unwrap();
    assert!(etag.starts_with('I') && etag.len() == 52, "{etag}");
    let expected = format!(
        "{{\"operationId\":\"{operation}\",\"status\":\"assigned\",\"registrationState\":{{\
         \"registrationId\":\"{ID}\",\"createdDateTimeUtc\":\"{created}\",\"assignedHub\":\"{TOASTERS}\",\
         \"deviceId\":\"{ID}\",\"status\":\"assigned\",\"substatus\":\"initialAssignment\",\
         \"lastUpdatedDateTimeUtc\":\"{updated}\",\"etag\":\"{etag}\"}}}}"
    );
    assert_eq!(second.body, expected);

    // Polls after the last are answered alike.
    assert_eq!(rig.service.operation_status(&device, &operation).body, expected);
    // And so is a lookup.
    let lookup = rig.service.lookup(&device, b"{}");
    assert_eq!((lookup.status, parsed(&lookup)), (200, state.clone()));

    assert_eq!(
        rig.log(),
        [
            format!("Information id scope {SCOPE}, linked hubs {TOASTERS}, {HEATPUMPS}"),
            format!("Information enrollment group contoso: static, {TOASTERS}"),
            format!("Information {ID}: matches the enrollment group contoso, by its primary key"),
            format!(
                "Information {ID}: registers by the enrollment group contoso, for the first time, operation {operation}"
            ),
            format!("Information {ID}: assigned to {TOASTERS} as {ID} (initialAssignment)"),
        ]
    );
}

#[tokio::test]
async fn a_failed_registration_has_the_service_s_members_in_its_order() {
    let webhook = WebhookServer::start(vec![Reply::new(400, "Unrecognized device registration.")]).await;
    let rig = rig(webhook.policy());
    let device = rig.device("contoso-heatpump-088");
    let accepted = parsed(&rig.service.register(&device, b""));
    let operation = accepted["operationId"].as_str().unwrap();
    let body = rig.poll(&device, operation).await;
    let state = &body["registrationState"];
    let (created, updated) =
        (timestamp(&state["createdDateTimeUtc"]), timestamp(&state["lastUpdatedDateTimeUtc"]));
    let etag = state["etag"].as_str().unwrap();
    assert_eq!(
        rig.service.operation_status(&device, operation).body,
        format!(
            "{{\"operationId\":\"{operation}\",\"status\":\"failed\",\"registrationState\":{{\
             \"registrationId\":\"contoso-heatpump-088\",\"createdDateTimeUtc\":\"{created}\",\"status\":\"failed\",\
             \"errorCode\":400207,\"errorMessage\":\"Custom allocation failed with status code: 400\",\
             \"lastUpdatedDateTimeUtc\":\"{updated}\",\"etag\":\"{etag}\"}}}}"
        )
    );
    assert_eq!(parsed(&rig.service.lookup(&device, b"")), *state);
}

#[tokio::test]
async fn a_disabled_enrollment_is_accepted_first_then_disabled_and_asks_nobody() {
    let webhook = WebhookServer::start(vec![Reply::hub(TOASTERS)]).await;
    let disabled = with(webhook.policy(), json!({"provisioningStatus": "disabled"}));
    let devices =
        [individual("dev-1", KEY_A, disabled.clone()), individual("dev-2", KEY_A, webhook.policy())];
    let rig = Rig::with(&config(&[group(disabled)], &devices), eager());
    for (device, name) in [
        (rig.device(ID), "enrollment group contoso"),
        (rig.authenticate("dev-1", KEY_A).unwrap(), "individual enrollment dev-1"),
    ] {
        let id = &device.registration_id;
        // Of the answers to a PUT the .NET SDK takes 202 alone.
        let accepted = rig.service.register(&device, b"{}");
        let body = parsed(&accepted);
        let operation = body["operationId"].as_str().unwrap();
        assert_eq!(
            (accepted.status, &body),
            (202, &json!({"operationId": operation, "status": "assigning"}))
        );
        let poll = rig.service.operation_status(&device, operation);
        let state = json!({"registrationId": id, "status": "disabled"});
        assert_eq!(
            (poll.status, parsed(&poll)),
            (200, json!({"operationId": operation, "status": "disabled", "registrationState": state}))
        );
        rig.assert_logged(&format!("Warning {id}: disabled, as the {name} is"));
    }
    assert_eq!(webhook.sent().len(), 0);
    // An enabled enrollment of its own lets a device of a disabled group in.
    let own = rig.authenticate("dev-2", KEY_A).unwrap();
    assert_eq!(rig.run(&own, "").await["status"], "assigned");
}

#[tokio::test]
async fn a_device_that_registers_again_moves_as_its_policy_says() {
    let twin = |n: u32| json!({"initialTwin": {"tags": {"n": n}}});
    // The policy, the hub the second time; then the hub, the substatus and the twin it has afterwards.
    let table = [
        (reprovision(true, true), HEATPUMPS, HEATPUMPS, "deviceDataMigrated", 1),
        (reprovision(true, false), HEATPUMPS, HEATPUMPS, "deviceDataReset", 2),
        (reprovision(false, false), HEATPUMPS, TOASTERS, "initialAssignment", 1),
        (reprovision(false, true), HEATPUMPS, TOASTERS, "initialAssignment", 1),
        (json!({}), HEATPUMPS, HEATPUMPS, "deviceDataMigrated", 1),
        (reprovision(true, true), TOASTERS, TOASTERS, "reprovisionedToInitialAssignment", 1),
        (reprovision(true, false), TOASTERS, TOASTERS, "reprovisionedToInitialAssignment", 1),
        (reprovision(false, false), TOASTERS, TOASTERS, "initialAssignment", 1),
    ];
    for (policy, second, hub, substatus, twin_now) in table {
        let rig = rig(with(with(fixed(TOASTERS), policy.clone()), twin(1)));
        let before = rig.register(ID, "").await;
        assert_eq!(before["registrationState"]["assignedHub"], TOASTERS);
        let rig = rig.restarted(&config(&[group(with(with(fixed(second), policy.clone()), twin(2)))], &[]));
        let after = rig.register(ID, "").await;
        let state = &after["registrationState"];
        assert_eq!(
            (state["assignedHub"].as_str(), state["substatus"].as_str(), state["deviceId"].as_str()),
            (Some(hub), Some(substatus), Some(ID)),
            "{policy} {second}"
        );
        assert_eq!(state["createdDateTimeUtc"], before["registrationState"]["createdDateTimeUtc"]);
        let kept = rig.kept(ID);
        assert_eq!(kept["initialTwin"], json!({"tags": {"n": twin_now}}), "{policy} {second}");
    }
}

#[tokio::test]
async fn the_webhook_is_told_where_a_device_is() {
    let webhook = WebhookServer::start(vec![Reply::hub(TOASTERS)]).await;
    for (policy, linked) in [
        (reprovision(true, true), json!([HEATPUMPS, TOASTERS])),
        (reprovision(false, false), json!([TOASTERS])),
    ] {
        let members = with(webhook.policy(), with(policy, json!({"iotHubs": [HEATPUMPS, TOASTERS]})));
        let rig = rig(members);
        rig.register(ID, r#"{"payload":{"n":1}}"#).await;
        rig.register(ID, r#"{"payload":{"n":2}}"#).await;
        let sent = webhook.sent();
        let [.., first, second] = &sent[..] else { panic!("{sent:?}") };
        let (first, second): (Value, Value) =
            (serde_json::from_str(&first.body).unwrap(), serde_json::from_str(&second.body).unwrap());
        assert_eq!(
            first["deviceRuntimeContext"],
            json!({"registrationId": ID, "symmetricKey": {}, "payload": {"n": 1}})
        );
        assert_eq!(first["linkedHubs"], json!([HEATPUMPS, TOASTERS]));
        assert_eq!(
            second["deviceRuntimeContext"],
            json!({
                "registrationId": ID,
                "currentIotHubHostName": TOASTERS,
                "currentDeviceId": ID,
                "symmetricKey": {},
                "payload": {"n": 2},
            })
        );
        assert_eq!(second["linkedHubs"], linked);
    }
}

#[tokio::test]
async fn a_device_that_is_never_reprovisioned_keeps_its_hub_whatever_its_webhook_answers() {
    let webhook = WebhookServer::start(vec![Reply::hub(TOASTERS), Reply::hub(HEATPUMPS)]).await;
    let rig = rig(with(webhook.policy(), reprovision(false, false)));
    let before = rig.register(ID, "").await;
    let after = rig.register(ID, "").await;
    assert_eq!((&before["status"], &after["status"]), (&json!("assigned"), &json!("assigned")));
    assert_eq!(after["registrationState"]["assignedHub"], TOASTERS);
    rig.assert_logged(&format!(
        "Warning {ID}: the webhook answered “{HEATPUMPS}”; a device that is never re-provisioned keeps {TOASTERS}"
    ));
    let last: Value = serde_json::from_str(&webhook.sent().last().unwrap().body).unwrap();
    assert_eq!(last["linkedHubs"], json!([TOASTERS]));
}

#[tokio::test]
async fn an_individual_enrollment_names_its_device() {
    let devices = [individual("Dev-1", KEY_A, with(fixed(HEATPUMPS), json!({"deviceId": "kettle"})))];
    let rig = Rig::with(&config(&[group(fixed(TOASTERS))], &devices), eager());
    let device = rig.authenticate("dev-1", KEY_A).unwrap();
    let state = rig.run(&device, r#"{"registrationId":"DEV-1"}"#).await["registrationState"].clone();
    assert_eq!(state["assignedHub"], HEATPUMPS);
    assert_eq!((&state["deviceId"], &state["registrationId"]), (&json!("kettle"), &json!("dev-1")));
}

#[tokio::test]
async fn built_in_policies_choose_among_the_selected_hubs() {
    let mut linked = config(&[], &[]);
    linked["linkedHubs"] =
        json!([{"name": "a", "allocationWeight": 1}, {"name": "b", "allocationWeight": 9}, "c"]);
    let hubs = json!(["a", "b"]);
    let group = |id: &str, key: &str, policy: Value| {
        with(json!({"enrollmentGroupId": id, "attestation": attestation(key), "iotHubs": hubs}), policy)
    };
    linked["enrollmentGroups"] = json!([
        group("hashed", KEY_A, json!({})),
        group("near", KEY_B, json!({"allocationPolicy": "geolatency"}))
    ]);
    let rig = Rig::with(&linked, eager());
    for key in [KEY_A, KEY_B] {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for nth in 0..200 {
            let id = format!("dev-{nth}");
            let device = rig.authenticate(&id, &derive(key, &id)).unwrap();
            let body = rig.run(&device, "").await;
            let hub = body["registrationState"]["assignedHub"].as_str().unwrap().to_owned();
            *counts.entry(hub).or_default() += 1;
        }
        let a = counts["a"];
        assert!((2..=40).contains(&a) && a + counts["b"] == 200, "{counts:?}");
    }
}

#[tokio::test]
async fn a_further_hub_moves_devices_to_itself_only() {
    let with_hubs = |hubs: &[&str]| {
        let mut config = config(&[group(json!({}))], &[]);
        config["linkedHubs"] = json!(hubs);
        config
    };
    let rig = Rig::with(&with_hubs(&["a", "b"]), eager());
    let hub = |body: Value| body["registrationState"]["assignedHub"].as_str().unwrap().to_owned();
    let mut before = Vec::new();
    for nth in 0..100 {
        before.push(hub(rig.register(&format!("Device-{nth}"), "").await));
    }
    let rig = rig.restarted(&with_hubs(&["a", "b", "c"]));
    for (nth, before) in before.into_iter().enumerate() {
        let after = hub(rig.register(&format!("DEVICE-{nth}"), "").await);
        assert!(before == after || after == "c", "{nth} moved from {before} to {after}");
    }
}

#[tokio::test]
async fn bodies_of_all_sdks_are_read() {
    let rig = rig(fixed(TOASTERS));
    for (body, status) in [
        ("", 202),
        (" ", 202),
        ("{}", 202),
        (r#"{"registrationId":"Contoso-Toaster-007"}"#, 202),
        (r#"{"payload": null, "registrationId": "contoso-toaster-007"}"#, 202),
        (r#"{"payload":{"a": 1.0e3 ,"a":2}}"#, 202),
        (r#"{"payload":"{\"a\":1}"}"#, 202),
        (r#"{"registrationId":"contoso-toaster-007","tpm":{},"csr":null,"other":1}"#, 202),
        (r#"{"registrationId":7}"#, 400),
        (r#"{"payload":{},"payload":{}}"#, 400),
        ("{} {}", 400),
        ("\u{feff}{}", 400),
    ] {
        let answer = rig.service.register(&rig.device(ID), body.as_bytes());
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    assert_eq!(rig.service.register(&rig.device(ID), b"\xff").status, 400);
}

#[tokio::test]
async fn a_newer_registration_takes_the_place_of_one_under_way() {
    let slow = Reply::hub(TOASTERS).after(Duration::from_secs(600));
    let webhook = WebhookServer::start(vec![slow, Reply::hub(TOASTERS)]).await;
    let rig = rig(webhook.policy());
    let device = rig.device(ID);
    let first = parsed(&rig.service.register(&device, b"{}"));
    let first = first["operationId"].as_str().unwrap();
    rig.until_logged(|_| webhook.sent().len() == 1).await;
    assert_eq!(rig.service.operation_status(&device, first).status, 202);

    let again = rig.device(&ID.to_uppercase());
    assert_eq!(rig.run(&again, r#"{"payload":{"n":2}}"#).await["status"], "assigned");
    let body = rig.poll(&device, first).await;
    assert_eq!((&body["status"], &body["operationId"]), (&json!("assigned"), &json!(first)));
    rig.assert_logged(
        "Warning CONTOSO-TOASTER-007: registers again with another payload: its earlier operations end as this one does",
    );
}

#[tokio::test]
async fn a_registration_that_a_client_repeats_meanwhile_is_served_each_time_and_asks_the_webhook_once() {
    let webhook = WebhookServer::start(vec![Reply::hub(TOASTERS).after(Duration::from_millis(100))]).await;
    let rig = rig(webhook.policy());
    let device = rig.device(ID);
    let body = br#"{"payload":{"n":1}}"#;
    let accepted: Vec<Value> = (0..20).map(|_| parsed(&rig.service.register(&device, body))).collect();
    let operation = accepted[0]["operationId"].as_str().unwrap().to_owned();
    assert_eq!(accepted, vec![json!({"operationId": operation, "status": "assigning"}); 20]);
    let body = rig.poll(&device, &operation).await;
    assert_eq!(
        (&body["status"], &body["registrationState"]["assignedHub"]),
        (&json!("assigned"), &json!(TOASTERS))
    );
    assert_eq!(webhook.sent().len(), 1);
    rig.assert_logged(&format!(
        "Information {ID}: registers again while it registers: joins operation {operation}"
    ));
    // Once it is decided, the next one begins anew.
    assert_ne!(rig.register(ID, r#"{"payload":{"n":1}}"#).await["operationId"], json!(operation));
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_words() {
    let options = ServiceOptions { body_limit: 64, ..eager() };
    let rig = Rig::with(&config(&[group(fixed(TOASTERS))], &[]), options);
    let device = rig.device(ID);
    let long = " ".repeat(65);
    let table: &[(&str, u16, u32, &str)] = &[
        ("[1]", 400, 400_000, "Expected a JSON object as the body."),
        ("{", 400, 400_000, "The body is invalid JSON."),
        (
            r#"{"csr":"MIIB"}"#,
            400,
            400_000,
            "The body has a csr (a certificate signing request): certificates are not issued.",
        ),
        (
            r#"{"clientCertificateCsr":"MIIB"}"#,
            400,
            400_000,
            "The body has a csr (a certificate signing request): certificates are not issued.",
        ),
        (
            r#"{"tpm":{"storageRootKey":"AAAA"}}"#,
            400,
            400_000,
            "The body has a TPM's keys: TPM attestation is not supported yet.",
        ),
        (
            r#"{"tpm":{"endorsementKey":"AAAA"}}"#,
            400,
            400_000,
            "The body has a TPM's keys: TPM attestation is not supported yet.",
        ),
        (
            r#"{"registrationId":"other"}"#,
            400,
            400_000,
            "The registrationId in the body is not the one the device authenticated with.",
        ),
        (&long, 413, 413_000, "The request has a body of more than 64 bytes."),
    ];
    for (body, status, code, message) in table {
        for answer in
            [rig.service.register(&device, body.as_bytes()), rig.service.lookup(&device, body.as_bytes())]
        {
            let error = parsed(&answer);
            assert_eq!(
                (answer.status, &error["errorCode"], &error["message"]),
                (*status, &json!(code), &json!(message))
            );
        }
        if *status == 400 {
            rig.assert_logged(&format!("Warning {ID}: refused: {message}"));
        }
    }
    rig.assert_logged(&format!("Warning {ID}: refused: expected a body of at most 64 bytes, found 65"));

    let unknown = rig.service.operation_status(&device, "4.x\n.y");
    assert_eq!((unknown.status, &parsed(&unknown)["errorCode"]), (404, &json!(404_201)));
    rig.assert_logged(&format!("Warning {ID}: asks for the unknown operation “4.x\\n.y”"));
    let lookup = rig.service.lookup(&device, b"");
    assert_eq!((lookup.status, &parsed(&lookup)["message"]), (404, &json!("The device is not registered.")));
}

#[tokio::test]
async fn an_operation_is_its_own_device_s() {
    let rig = rig(fixed(TOASTERS));
    let body = rig.register("dev-1", "").await;
    let operation = body["operationId"].as_str().unwrap();
    assert_eq!(rig.service.operation_status(&rig.device("dev-2"), operation).status, 404);
    assert_eq!(rig.service.operation_status(&rig.device("DEV-1"), operation).status, 200);
}

#[tokio::test]
async fn a_device_s_oldest_operations_are_forgotten() {
    let rig = rig(fixed(TOASTERS));
    let mut operations = Vec::new();
    for _ in 0..17 {
        operations.push(rig.register(ID, "").await["operationId"].as_str().unwrap().to_owned());
    }
    let device = rig.device(ID);
    let known: Vec<_> =
        operations.iter().map(|operation| rig.service.operation_status(&device, operation).status).collect();
    assert_eq!(known, [&[404][..], &[200; 16]].concat());
}

#[tokio::test]
async fn quotas_are_kept_if_asked_for() {
    let options = ServiceOptions { quota: NonZeroU32::new(2), ..eager() };
    let rig = Rig::with(&config(&[group(fixed(TOASTERS))], &[]), options);
    assert_eq!(rig.register("dev-1", "").await["status"], "assigned");
    assert_eq!(rig.register("dev-2", "").await["status"], "assigned");
    let throttled = rig.service.register(&rig.device("dev-1"), b"");
    let body = parsed(&throttled);
    assert_eq!((throttled.status, &body["errorCode"]), (429, &json!(429_001)));
    assert_eq!(body["message"], "Operations are being throttled for this tenant.");
    assert!(throttled.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{throttled:?}");
    rig.assert_logged("Warning dev-1: throttled: the quota of this minute is used up");
}
