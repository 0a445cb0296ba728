//! The configuration file: what it may say, and how its mistakes are reported.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use provisioning_service::Config;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::rig::{
    GROUP_KEY, HEATPUMPS, KEY_A, KEY_B, Rig, SCOPE, TOASTERS, attestation, config, derive, eager, group,
    individual, with,
};
use super::webhook_server::{Reply, WebhookServer};

/// All mistakes in `text`, one string each.
fn mistakes(text: &str) -> Vec<String> {
    match Config::parse(text) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

fn custom(url: &str) -> Value {
    json!({"allocationPolicy": "custom", "customAllocationDefinition": {"webhookUrl": url, "apiVersion": "2021-10-01"}})
}

#[test]
fn the_sample_is_a_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample.jsonc");
    let config = Config::load(&path).unwrap();
    assert_eq!(config.id_scope, "0ne00ABCDEF");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let text = r#"{
  "idScope": "0ne00ABCDEF",
  "linkedHubs": ["a.azure-devices.net"],
  "enrollmentGroups": [
    {"enrollmentGroupId": "one",
     "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "s3cret-key"}},
     "allocationPolicy": "custom"},
    {"enrollmentGroupId": "two",
     "attestation": "s3cret-key",
     "iotHubs": ["a.azure-devices.net", "b.azure-devices.net"],
     "customAllocationDefinition": "https://x/api?code=s3cret-key"},
  ]
}"#;
    // A comma too many is JSON's to refuse; without it come the others.
    assert_eq!(mistakes(text), ["line 11, column 68: invalid JSON: trailing commas are not allowed"]);
    assert_eq!(
        mistakes(&text.replace("},\n  ]", "}\n  ]")),
        [
            "line 6, column 77: enrollmentGroups[0].attestation.symmetricKey.primaryKey: \
             expected a symmetric key in base64, found invalid base64",
            "line 7, column 26: enrollmentGroups[0].allocationPolicy: 400004: \
             A CustomAllocationDefinition is required when the allocation policy is set to 'Custom'",
            "line 9, column 21: enrollmentGroups[1].attestation: expected an object, found a string",
            "line 10, column 41: enrollmentGroups[1].iotHubs[1]: b.azure-devices.net is not among the linked hubs, \
             which are a.azure-devices.net",
            "line 11, column 36: enrollmentGroups[1].customAllocationDefinition: \
             expected an object, found a string",
        ]
    );
}

#[test]
fn each_rule_has_its_words() {
    let one = |members: Value| config(&[group(members)], &[]);
    let single = |members: Value| config(&[], &[individual("dev-1", KEY_A, members)]);
    let id_rule = "expected an id of 1 to 128 letters, digits, '-', '.', '_' and ':', the last of them a letter, \
         a digit or '-'";
    let url_rule = "expected an absolute URL that begins with https:// or http://, without user or password";
    let keys = |keys: Value| json!({"attestation": {"type": "symmetricKey", "symmetricKey": keys}});
    let base = config(&[], &[]);
    let table: Vec<(Value, &str, &str)> = vec![
        (json!([]), "", "expected an object, found an array"),
        (
            with(base.clone(), json!({"idScope": null})),
            "",
            "missing member idScope: the id scope of the instance, such as \"0ne00ABCDEF\"",
        ),
        (
            with(base.clone(), json!({"idScope": "a/b"})),
            "idScope",
            "expected letters and digits, such as \"0ne00ABCDEF\"",
        ),
        // Without linked hubs nothing is said of those that enrollments select.
        (
            with(
                one(json!({"allocationPolicy": "static", "iotHubs": [TOASTERS]})),
                json!({"linkedHubs": []}),
            ),
            "linkedHubs",
            "expected at least one hub",
        ),
        (with(base.clone(), json!({"linkedHubs": "a"})), "linkedHubs", "expected an array, found a string"),
        (with(base.clone(), json!({"linkedHubs": ["a", "A"]})), "linkedHubs[1]", "this hub is linked twice"),
        (
            with(base.clone(), json!({"linkedHubs": ["https://a"]})),
            "linkedHubs[0]",
            "expected a hub's host name, such as \"contoso-hub.azure-devices.net\"",
        ),
        (
            with(base.clone(), json!({"linkedHubs": [{"name": "a", "allocationWeight": 1001}]})),
            "linkedHubs[0].allocationWeight",
            "expected a weight of 1 to 1000",
        ),
        (
            with(base.clone(), json!({"linkedHubs": [{"name": "a", "allocationWeight": -1}]})),
            "linkedHubs[0].allocationWeight",
            "expected a whole number of 0 or more, found a number",
        ),
        (
            with(base.clone(), json!({"enrolmentGroups": []})),
            "enrolmentGroups",
            "unknown member; expected idScope, linkedHubs, enrollmentGroups or individualEnrollments",
        ),
        (
            config(&[json!({"attestation": attestation(KEY_A)})], &[]),
            "enrollmentGroups[0]",
            "missing member enrollmentGroupId: the id of the enrollment group",
        ),
        (one(json!({"enrollmentGroupId": "a."})), "enrollmentGroups[0].enrollmentGroupId", id_rule),
        (
            config(&[group(json!({})), group(json!({"enrollmentGroupId": "CONTOSO"}))], &[]),
            "enrollmentGroups[1]",
            "duplicate id: an earlier enrollment has it",
        ),
        (
            config(&[], &[individual("Dev", KEY_A, json!({})), individual("dev", KEY_A, json!({}))]),
            "individualEnrollments[1]",
            "duplicate id: an earlier enrollment has it",
        ),
        (
            config(&[], &[json!({"attestation": attestation(KEY_A)})]),
            "individualEnrollments[0]",
            "missing member registrationId: the registration id of the device",
        ),
        (
            single(json!({"deviceId": "a b"})),
            "individualEnrollments[0].deviceId",
            "expected 1 to 128 letters, digits and -.%_*?!(),:=@$'+#, as in the id of a hub's device",
        ),
        (
            one(json!({"attestation": null})),
            "enrollmentGroups[0]",
            "missing member attestation: {\"type\": \"symmetricKey\", \"symmetricKey\": {\"primaryKey\": \"…\"}}",
        ),
        (
            one(json!({"attestation": {"type": "x509", "x509": {}}})),
            "enrollmentGroups[0].attestation.type",
            "X.509 attestation is not supported yet; expected \"symmetricKey\"",
        ),
        (
            one(json!({"attestation": {"type": "symmetricKey"}})),
            "enrollmentGroups[0].attestation",
            "missing member symmetricKey: {\"primaryKey\": \"…\", \"secondaryKey\": \"…\"}; az shows it with --show-keys",
        ),
        (
            one(keys(json!({"secondaryKey": KEY_A}))),
            "enrollmentGroups[0].attestation.symmetricKey",
            "missing member primaryKey: 16 to 64 bytes as base64; az shows it with --show-keys",
        ),
        (
            one(keys(json!({"primaryKey": KEY_A, "secondaryKey": "QUFB"}))),
            "enrollmentGroups[0].attestation.symmetricKey.secondaryKey",
            "expected a symmetric key of 16 to 64 bytes, found 3 bytes",
        ),
        (
            one(keys(json!({"primaryKey": KEY_A, "secondarykey": KEY_A}))),
            "enrollmentGroups[0].attestation.symmetricKey.secondarykey",
            "unknown member; expected primaryKey or secondaryKey",
        ),
        (
            one(json!({"provisioningStatus": "on"})),
            "enrollmentGroups[0].provisioningStatus",
            "expected one of enabled, disabled",
        ),
        (
            one(json!({"reprovisionPolicy": {"updateHubAssignment": "yes"}})),
            "enrollmentGroups[0].reprovisionPolicy.updateHubAssignment",
            "expected true or false, found a string",
        ),
        (
            one(json!({"allocationPolicy": "nearest"})),
            "enrollmentGroups[0].allocationPolicy",
            "expected one of hashed, geoLatency, static, custom",
        ),
        (
            one(json!({"allocationPolicy": "static"})),
            "enrollmentGroups[0]",
            "the policy \"static\" needs exactly one hub in iotHubs",
        ),
        (
            one(json!({"allocationPolicy": "static", "iotHubs": [TOASTERS, HEATPUMPS]})),
            "enrollmentGroups[0]",
            "the policy \"static\" needs exactly one hub in iotHubs",
        ),
        (
            one(json!({"iotHubs": [TOASTERS, TOASTERS]})),
            "enrollmentGroups[0].iotHubs[1]",
            "this hub is selected twice",
        ),
        (
            one(json!({"initialTwin": {"properties": {"Desired": {}}}})),
            "enrollmentGroups[0].initialTwin",
            "properties has unknown members; expected desired",
        ),
        (one(json!({"etag": 1})), "enrollmentGroups[0].etag", "expected a string, found a number"),
        (
            one(custom("localhost:7071/api/f")),
            "enrollmentGroups[0].customAllocationDefinition.webhookUrl",
            url_rule,
        ),
        (one(custom("/api/f")), "enrollmentGroups[0].customAllocationDefinition.webhookUrl", url_rule),
        (one(custom("ftp://h/f")), "enrollmentGroups[0].customAllocationDefinition.webhookUrl", url_rule),
        (
            one(custom("http://u:p@h/f")),
            "enrollmentGroups[0].customAllocationDefinition.webhookUrl",
            url_rule,
        ),
        (
            one(
                json!({"allocationPolicy": "custom", "customAllocationDefinition": {"webhookUrl": "http://h"}}),
            ),
            "enrollmentGroups[0].customAllocationDefinition",
            "missing member apiVersion: the version of the records sent, such as \"2021-10-01\"",
        ),
        (
            one(
                json!({"allocationPolicy": "custom", "customAllocationDefinition": {"apiVersion": "2021-10-01"}}),
            ),
            "enrollmentGroups[0].customAllocationDefinition",
            "missing member webhookUrl: the URL of the function, with its key: \"https://…?code=…\"",
        ),
    ];
    for (config, path, problem) in table {
        let found = Config::parse(&config.to_string()).unwrap_err();
        let found: Vec<_> = found.iter().map(|one| (one.path.as_str(), one.problem.as_str())).collect();
        assert_eq!(found, [(path, problem)], "{config}");
    }
}

#[test]
fn a_file_is_named_in_its_mistakes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dps.json");
    let missing = Config::load(&path).unwrap_err().to_string();
    assert!(missing.starts_with(&format!("{}: cannot be read: ", path.display())), "{missing}");

    fs::write(&path, "{\"idScope\": 1}").unwrap();
    let name = path.display();
    assert_eq!(
        Config::load(&path).unwrap_err().to_string(),
        format!(
            "{name}: line 1, column 1: missing member linkedHubs: the host names of the hubs linked to the instance\n\
             {name}: line 1, column 13: idScope: expected a string, found a number"
        )
    );
}

#[test]
fn what_is_probably_not_meant_is_warned_of_with_its_place() {
    let members = with(
        json!({"AllocationPolicy": "custom", "deviceId": "d", "x509": null}),
        json!({"reprovisionPolicy": {"updateHubAssigment": false}}),
    );
    let unused = json!({"customAllocationDefinition": custom("http://h/f")["customAllocationDefinition"]});
    let individuals = [individual("dev", KEY_A, json!({"registrationState": {"status": "assigned"}}))];
    let mut config = config(&[group(with(members, unused))], &individuals);
    // A newer version of the service may show more of a hub.
    config["linkedHubs"] = json!([{"name": "a", "authenticationType": "KeyBased", "hostName": null}]);
    let rig = Rig::with(&config, eager());
    let warned: Vec<String> = rig.log().into_iter().filter(|entry| entry.starts_with("Warning")).collect();
    let unknown = "unknown member: it has no effect here, and is sent to webhooks as it is";
    for (path, problem) in [
        ("enrollmentGroups[0].AllocationPolicy", unknown),
        ("enrollmentGroups[0].deviceId", unknown),
        ("linkedHubs[0].authenticationType", "unknown member of a hub; it has no effect here"),
        (
            "enrollmentGroups[0].customAllocationDefinition",
            "no webhook is called: the allocationPolicy is hashed, not custom",
        ),
        ("enrollmentGroups[0].reprovisionPolicy.updateHubAssigment", unknown),
    ] {
        let entry = format!(": {path}: {problem}");
        assert_eq!(
            warned.iter().filter(|warning| warning.ends_with(&entry)).count(),
            1,
            "{entry}: {warned:#?}"
        );
    }
    assert_eq!(warned.len(), 5, "{warned:#?}");
}

#[test]
fn the_log_begins_with_what_is_served_and_warns_of_keyless_functions() {
    let groups = [
        group(custom("https://f.azurewebsites.net/api/f")),
        group(with(
            custom("https://f.azurewebsites.net/api/f?****"),
            json!({"enrollmentGroupId": "redacted", "provisioningStatus": "disabled"}),
        )),
        group(with(
            custom("https://f.azurewebsites.net/api/f?code=s3cret"),
            json!({"enrollmentGroupId": "keyed"}),
        )),
        group(with(custom("http://localhost:7071/api/f"), json!({"enrollmentGroupId": "local"}))),
    ];
    let individuals =
        [individual("dev", KEY_A, json!({"allocationPolicy": "static", "iotHubs": [HEATPUMPS]}))];
    let rig = Rig::with(&config(&groups, &individuals), eager());
    let place = "line 1, column ";
    let log: Vec<String> = rig
        .log()
        .into_iter()
        .map(|entry| match entry.split_once(place) {
            // Where the URL stands in a text without line feeds is of no interest.
            Some((front, rest)) => {
                format!("{front}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => entry,
        })
        .collect();
    assert_eq!(
        log,
        [
            &format!("Information id scope {SCOPE}, linked hubs {TOASTERS}, {HEATPUMPS}"),
            "Information enrollment group contoso: custom, https://f.azurewebsites.net/api/f",
            "Information enrollment group redacted: disabled, custom, https://f.azurewebsites.net/api/f?****",
            "Information enrollment group keyed: custom, https://f.azurewebsites.net/api/f?****",
            "Information enrollment group local: custom, http://localhost:7071/api/f",
            &format!("Information individual enrollment dev: static, {HEATPUMPS}"),
            "Warning configuration: : enrollmentGroups[0].customAllocationDefinition.webhookUrl: the URL has no \
             \"?code=\": a function that requires a key answers 401, which devices see as error 400209",
            "Warning configuration: : enrollmentGroups[1].customAllocationDefinition.webhookUrl: the URL is redacted, \
             as the service shows it: put the function's key back after \"?code=\"",
        ]
    );
}

/// The records that `az iot dps enrollment show` and `enrollment-group show` give, with keys, as a configuration:
/// by the extension's versions since 0.10, which show what the service has, and by earlier ones, which show
/// objects of their SDK. The webhook at `url` decides.
fn shown_by_az(url: &str, earlier: bool) -> Value {
    let extra =
        |object: Value| if earlier { with(json!({"additionalProperties": {}}), object) } else { object };
    let collection = |members: Value| match earlier {
        true => json!({"additionalProperties": members, "count": 1, "metadata": null, "version": null}),
        false => members,
    };
    let unused = if earlier { json!({"tpm": null, "x509": null}) } else { json!({}) };
    let keys = extra(json!({"primaryKey": GROUP_KEY, "secondaryKey": KEY_A}));
    let attestation = extra(with(json!({"type": "symmetricKey", "symmetricKey": keys}), unused));
    let record = |id: &str, id_value: &str, more: Value| {
        let twin = json!({
            // A tag named "count" is a tag.
            "tags": collection(json!({"count": 3, "a": {"additionalProperties": {}}})),
            "properties": extra(json!({"desired": collection(json!({"version": "1.0"}))})),
        });
        let record = json!({
            id: id_value,
            "allocationPolicy": "custom",
            "attestation": attestation,
            "capabilities": extra(json!({"iotEdge": false})),
            "createdDateTimeUtc": "2022-07-05T21:27:16.8123235Z",
            "customAllocationDefinition": extra(json!({"apiVersion": "2021-10-01", "webhookUrl": url})),
            "etag": "\"13003fea-0000-0300-0000-62d1d5e50000\"",
            "initialTwin": extra(twin),
            "iotHubs": [HEATPUMPS],
            "lastUpdatedDateTimeUtc": "2022-07-15T21:02:29.5922255Z",
            "provisioningStatus": "enabled",
            "reprovisionPolicy": extra(json!({"migrateDeviceData": true, "updateHubAssignment": true})),
        });
        let unused = if earlier { json!({"iotHubHostName": null}) } else { json!({}) };
        extra(with(with(record, unused), more))
    };
    let state = extra(json!({"registrationId": "dev-1", "status": "unassigned"}));
    let device = json!({
        "deviceId": "kettle",
        "optionalDeviceInformation": collection(json!({"color": "red"})),
        "registrationState": state,
    });
    config(&[record("enrollmentGroupId", "contoso", json!({}))], &[record("registrationId", "dev-1", device)])
}

#[tokio::test]
async fn records_shown_by_older_and_newer_az_extensions_are_the_same_records() {
    let webhook = WebhookServer::start(vec![Reply::hub(HEATPUMPS)]).await;
    for earlier in [false, true] {
        let rig = Rig::with(&shown_by_az(&webhook.url(), earlier), eager());
        assert_eq!(rig.register("dev-2", "").await["status"], "assigned");
        assert_eq!(rig.run(&rig.authenticate("dev-1", KEY_A).unwrap(), "").await["status"], "assigned");
        assert!(!rig.log().iter().any(|entry| entry.starts_with("Warning")), "{:#?}", rig.log());
    }
    let sent: Vec<String> = webhook.sent().into_iter().map(|request| request.body).collect();
    let [group, device, earlier_group, earlier_device] = &sent[..] else { panic!("{sent:#?}") };
    assert_eq!((group, device), (earlier_group, earlier_device));
    let device: Value = serde_json::from_str(device).unwrap();
    assert_eq!(
        device["individualEnrollment"]["initialTwin"],
        json!({
            "tags": {"count": 3, "a": {"additionalProperties": {}}},
            "properties": {"desired": {"version": "1.0"}},
        })
    );
}

#[tokio::test]
async fn metadata_of_a_device_twin_is_left_out_of_an_initial_twin() {
    let webhook = WebhookServer::start(vec![Reply::hub(HEATPUMPS)]).await;
    let metadata = json!({"$metadata": {"$lastUpdated": "2021-03-11T14:22:03Z"}, "$version": 7});
    let twin = json!({
        "tags": {"count": 1, "metadata": null, "version": 2},
        "properties": {"desired": with(metadata, json!({"a": 1}))},
    });
    let rig = Rig::with(
        &config(&[group(with(custom(&webhook.url()), json!({"initialTwin": twin})))], &[]),
        eager(),
    );
    rig.register("dev-1", "").await;
    let sent: Value = serde_json::from_str(&webhook.sent()[0].body).unwrap();
    assert_eq!(
        sent["enrollmentGroup"]["initialTwin"],
        json!({"tags": {"count": 1, "metadata": null, "version": 2}, "properties": {"desired": {"a": 1}}})
    );
}

#[test]
fn members_that_an_older_az_extension_did_not_know_are_members_of_the_record() {
    let unknown = json!({"additionalProperties": {"provisioningStatus": "of", "future": 1}});
    let found = mistakes(&config(&[group(unknown)], &[]).to_string());
    let [found] = &found[..] else { panic!("{found:#?}") };
    assert!(
        found.ends_with("enrollmentGroups[0].provisioningStatus: expected one of enabled, disabled"),
        "{found}"
    );
}

/// What `az iot dps linked-hub list` shows of a hub:
/// <https://learn.microsoft.com/azure/iot-dps/how-to-manage-linked-iot-hubs>.
fn linked_hub(name: &str, weight: Value, apply: Value) -> Value {
    json!({
        "allocationWeight": weight,
        "applyAllocationPolicy": apply,
        "connectionString": format!("HostName={name};SharedAccessKeyName=iothubowner;SharedAccessKey=s3cret"),
        "location": "westus",
        "name": name,
    })
}

#[tokio::test]
async fn hubs_shown_by_az_can_be_pasted_and_their_connection_strings_are_not_logged() {
    let hubs = json!([
        with(json!({"additionalProperties": {}}), linked_hub("a", Value::Null, Value::Null)),
        linked_hub("b", json!(1), json!(true)),
        linked_hub("c", json!(1000), json!(false)),
    ]);
    // Hubs that the policy does not apply to get no devices, selected or not, unless another policy chooses them.
    let groups = [
        group(json!({})),
        group(
            json!({"enrollmentGroupId": "near", "attestation": attestation(KEY_A), "iotHubs": ["b", "c"], "allocationPolicy": "geoLatency"}),
        ),
        group(
            json!({"enrollmentGroupId": "static", "attestation": attestation(KEY_B), "iotHubs": ["c"], "allocationPolicy": "static"}),
        ),
    ];
    let rig = Rig::with(&with(config(&groups, &[]), json!({"linkedHubs": hubs})), eager());
    for (key, expected) in [(GROUP_KEY, ["a", "b"].as_slice()), (KEY_A, &["b"]), (KEY_B, &["c"])] {
        let mut assigned = BTreeSet::new();
        for nth in 0..40 {
            let id = format!("dev-{nth}");
            let device = rig.authenticate(&id, &derive(key, &id)).unwrap();
            let state = rig.run(&device, "").await;
            assigned.insert(state["registrationState"]["assignedHub"].as_str().unwrap().to_owned());
        }
        assert!(assigned.iter().eq(expected), "{assigned:?}, expected {expected:?}");
    }
    let log = rig.log().join("\n");
    assert!(!log.contains("s3cret") && !log.contains("Warning"), "{log}");

    let wrong = with(
        config(&groups[1..2], &[]),
        json!({"linkedHubs": [linked_hub("b", json!("s3cret"), json!(true))]}),
    );
    let found = mistakes(&wrong.to_string()).join("\n");
    assert!(
        found
            .contains("linkedHubs[0].allocationWeight: expected a whole number of 0 or more, found a string"),
        "{found}"
    );
    assert!(!found.contains("s3cret"), "{found}");
}

#[test]
fn an_enrollment_that_can_assign_no_hub_is_refused() {
    let hubs = json!({"linkedHubs": [linked_hub("a", Value::Null, json!(false)), "b"]});
    let found = mistakes(&with(config(&[group(json!({"iotHubs": ["a"]}))], &[]), hubs).to_string());
    let [found] = &found[..] else { panic!("{found:#?}") };
    assert!(
        found.ends_with(
            "enrollmentGroups[0]: no hub can be assigned: applyAllocationPolicy is false for all hubs to choose from"
        ),
        "{found}"
    );
}

#[test]
fn x509_and_tpm_attestations_are_named_and_said_to_be_unsupported() {
    for (kind, expected) in [
        ("x509", "X.509 attestation is not supported yet; expected \"symmetricKey\""),
        ("tpm", "TPM attestation is not supported yet; expected \"symmetricKey\""),
        ("password", "expected one of symmetricKey, x509, tpm; the last two are not supported yet"),
    ] {
        let members = json!({"attestation": {"type": kind, kind: {"endorsementKey": "s3cret"}}});
        let found = mistakes(&config(&[], &[individual("dev-1", KEY_A, members)]).to_string());
        let [found] = &found[..] else { panic!("{found:#?}") };
        assert!(
            found.ends_with(&format!(": individualEnrollments[0].attestation.type: {expected}")),
            "{found}"
        );
    }
}

#[test]
fn an_api_version_has_the_form_of_a_version_and_may_be_newer_than_today_s() {
    let versioned = |version: &str| {
        let definition = json!({"webhookUrl": "http://h/f", "apiVersion": version});
        let members = json!({"allocationPolicy": "custom", "customAllocationDefinition": definition});
        mistakes(&config(&[group(members)], &[]).to_string())
    };
    for good in ["2018-09-01-preview", "2019-03-31", "2021-10-01", "2087-01-31"] {
        assert!(versioned(good).is_empty(), "{good}: {:?}", versioned(good));
    }
    for bad in ["banana", "", "2021", "2021-10-01&x=1"] {
        let found = versioned(bad);
        let expected = "enrollmentGroups[0].customAllocationDefinition.apiVersion: \
             expected an api-version such as 2021-06-01 or 2025-07-01-preview";
        assert!(found.len() == 1 && found[0].ends_with(expected), "{bad}: {found:?}");
    }
}

#[test]
fn a_file_is_json_with_comments_and_nothing_else() {
    let head = "\u{feff}// é\n{\"idScope\": \"a//b\", /* 1\n2 */ \"linkedHubs\": [\"a\"]";
    assert_eq!(
        mistakes(&format!("{head}, \"idScope\": 1, \"enrollmentGroups\": [1e999]}}")),
        [
            "line 3, column 38: idScope: duplicate member",
            "line 3, column 62: enrollmentGroups[0]: expected a number of JSON that is not too large",
        ]
    );
    assert_eq!(
        mistakes(&format!("{head}, \"enrollmentGroups\": [1]}}")),
        [
            "line 2, column 13: idScope: expected letters and digits, such as \"0ne00ABCDEF\"",
            "line 3, column 48: enrollmentGroups[0]: expected an object, found a number",
        ]
    );
    let id = r#""enrollmentGroupId": "x", "attestation": {"type": "symmetricKey"}"#;
    for (rest, expected) in [
        (String::new(), "line 2, column 1: invalid JSON: unterminated object"),
        (", x: 1}".to_owned(), "line 3, column 27: invalid JSON: expected string for object property"),
        (", \"x\": tru}".to_owned(), "line 3, column 32: invalid JSON: unexpected token"),
        ("} {}".to_owned(), "line 3, column 27: invalid JSON: text cannot contain more than one JSON value"),
        ("]".to_owned(), "line 3, column 25: invalid JSON: unexpected token in object"),
    ] {
        assert_eq!(mistakes(&format!("{head}{rest}")), [expected]);
    }
    assert_eq!(mistakes(" "), ["line 1, column 1: invalid JSON: expected an object, found nothing"]);
    let deep = format!(
        "{head}, \"enrollmentGroups\": [{{{id}, \"initialTwin\": {}1{}}}]}}",
        "[".repeat(300),
        "]".repeat(300)
    );
    let found = mistakes(&deep).join("\n");
    assert!(found.contains("enrollmentGroups[0].initialTwin: it is nested too deeply"), "{found}");
    let large = format!("{head}, \"enrollmentGroups\": [{{{id}, \"future\": [1e999]}}]}}");
    let found = mistakes(&large).join("\n");
    assert!(
        found.contains("enrollmentGroups[0].future[0]: expected a number of JSON that is not too large"),
        "{found}"
    );
}

#[test]
fn an_initial_twin_has_tags_and_desired_properties() {
    let table: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (json!({"tags": {"a": 1}, "properties": {"desired": {"b": []}}}), &[]),
        (json!({"tags": null, "properties": null}), &[]),
        (json!([]), &["expected an object as the initial twin"]),
        (json!({"properties": {"Desired": {}}}), &["properties has unknown members; expected desired"]),
        (
            json!({"authenticationType": "x", "tags": [], "properties": {"desired": "s"}}),
            &[
                "the initial twin has unknown members; expected tags and properties",
                "expected an object as tags",
                "expected an object as properties.desired",
            ],
        ),
    ];
    for (twin, expected) in table {
        let config = config(&[group(json!({"initialTwin": twin}))], &[]).to_string();
        let found = Config::parse(&config).err().unwrap_or_default();
        let found: Vec<_> = found.iter().map(|one| (one.path.as_str(), one.problem.as_str())).collect();
        let expected: Vec<_> = expected.iter().map(|one| ("enrollmentGroups[0].initialTwin", *one)).collect();
        assert_eq!(found, expected, "{twin}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_configuration_or_a_list_of_mistakes(text in "(\\PC|[\\[\\]{}:,\"/* \\n\\\\]){0,60}") {
        prop_assert!(!mistakes(&text).is_empty());
    }

    #[test]
    fn a_configuration_cut_and_mended_anywhere_keeps_its_keys_hidden(at in 0..1_000_usize, put in "[\\[\\]{}:,\"0-9a-z]{0,3}") {
        let whole = config(&[group(custom("https://h/f?code=s3cret"))], &[individual("dev", KEY_A, json!({}))]);
        let mut text = serde_json::to_string_pretty(&whole).unwrap();
        let at = at % (text.len() - 1);
        text.truncate(at);
        prop_assert!(!mistakes(&text).is_empty());
        text.push_str(&put);
        let found = mistakes(&text).join("\n");
        prop_assert!(!found.contains("s3cret") && !found.contains(KEY_A) && !found.contains(GROUP_KEY), "{}", found);
    }
}
