//! The configuration file: what it may say, and how its mistakes are reported.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use proptest::prelude::*;
use provisioning_service::Config;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::rig::{
    GROUP_KEY, HEATPUMPS, KEY_A, Rig, SCOPE, TOASTERS, attestation, config, eager, group, individual, with,
};

/// All mistakes in `text`, one string each.
fn mistakes(text: &str) -> Vec<String> {
    match Config::parse(text, SystemTime::UNIX_EPOCH) {
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
            with(base.clone(), json!({"linkedHubs": [{"name": "a", "weight": 1}]})),
            "linkedHubs[0].weight",
            "unknown member; expected name, allocationWeight or applyAllocationPolicy",
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
            "missing member symmetricKey: {\"primaryKey\": \"…\", \"secondaryKey\": \"…\"}",
        ),
        (
            one(keys(json!({"secondaryKey": KEY_A}))),
            "enrollmentGroups[0].attestation.symmetricKey",
            "missing member primaryKey: 16 to 64 bytes as base64",
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
        let found = Config::parse(&config.to_string(), SystemTime::UNIX_EPOCH).unwrap_err();
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
    let rig = Rig::with(&config(&[group(with(members, unused))], &individuals), eager());
    let warned: Vec<String> = rig.log().into_iter().filter(|entry| entry.starts_with("Warning")).collect();
    let unknown = "unknown member: it has no effect here, and is sent to webhooks as it is";
    for (path, problem) in [
        ("enrollmentGroups[0].AllocationPolicy", unknown),
        ("enrollmentGroups[0].deviceId", unknown),
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
    assert_eq!(warned.len(), 4, "{warned:#?}");
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
