use std::time::{Duration, Instant, UNIX_EPOCH};

use dps_custom_allocation::allocation::rules::{LookupSpec, Rules};
use dps_custom_allocation::allocation::{Case, Found, Notes, Policy, PolicySettings};
use dps_custom_allocation::webhook::AllocationRequest;
use proptest::prelude::*;
use proptest::sample;
use serde_json::{Value, json};

/// What costs too much.
mod bounds;
/// Why a device was decided on as it was.
mod explanations;
/// Mistakes in a file, each with its place.
mod mistakes;
/// Anything at all as a file or a request.
mod properties;

/// The example of the documentation, with its look-up.
pub const EXAMPLE: &str = r#"lookups:
  device: { file: devices.csv, key: registrationId }
rules:
  - name: retired
    when: device != null && device.status == "retired"
    refuse: The device is retired.
  - name: toasters
    when: registrationId.contains("contoso-toaster")
    hub: linkedHubs[0]
  - name: heat pumps, by what they say of themselves
    when: has(payload.division) && payload.division == "heatpumps"
    hub: linkedHubs.filter(h, h.contains("-heatpumps-"))[0]
    initialTwin:
      tags: { site: "${device.site}" }
      properties: { desired: { state: ready } }
    payload: { configuration: "2026-11" }
    note: "site ${device.site}"
  - name: maintenance
    when: settings.MAINTENANCE == "on"
    askAgain: The registry is being moved.
  - name: everybody else of Contoso, spread
    when: certificate != null && certificate.subject.O == "Contoso"
    hub: spread(linkedHubs)
"#;

const TOASTERS: &str = "contoso-toasters-hub-1098.azure-devices.net";
const HEATPUMPS: &str = "contoso-heatpumps-hub-1098.azure-devices.net";

/// What a decision was made of.
#[derive(Default)]
struct World {
    found: Found,
    settings: PolicySettings,
}

/// A decision: the answer as text, or the refusal, and the notes.
#[derive(Debug, PartialEq)]
struct Decision {
    status: u16,
    body: String,
    notes: Vec<String>,
}

fn rules(source: &str) -> Rules {
    Rules::parse(source).unwrap_or_else(|mistakes| panic!("{mistakes}\n{source}"))
}

impl World {
    fn with<T>(&self, body: &str, use_case: impl FnOnce(&Case<'_>) -> T) -> T {
        let request = AllocationRequest::parse(body).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_793_491_200);
        use_case(&Case { request: &request, body, found: &self.found, settings: &self.settings, now })
    }

    fn decide(&self, rules: &Rules, body: &str) -> Decision {
        let mut notes = Notes::default();
        let answer = self.with(body, |case| {
            rules.allocate(case, &mut notes).map(|response| serde_json::to_string(&response).unwrap())
        });
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(refusal) if refusal.asks_again() => (503, refusal.to_string()),
            Err(refusal) => (400, refusal.to_string()),
        };
        Decision { status, body, notes: notes.into_lines() }
    }
}

/// A request of `device` with two linked hubs, changed by `change`.
fn request(id: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut request = json!({
        "enrollmentGroup": { "enrollmentGroupId": "contoso", "iotHubs": [TOASTERS] },
        "deviceRuntimeContext": { "registrationId": id, "symmetricKey": {} },
        "linkedHubs": [TOASTERS, HEATPUMPS],
    });
    change(&mut request);
    request.to_string()
}

/// What one rule decides about a device with this payload.
fn one(rule: &str, payload: Value) -> Decision {
    let rules = rules(&format!("rules:\n  - name: it\n{rule}\n"));
    World::default()
        .decide(&rules, &request("contoso-1", |body| body["deviceRuntimeContext"]["payload"] = payload))
}

#[test]
fn the_example() {
    let rules = rules(EXAMPLE);
    let mut world = World::default();
    world.found.insert("device".to_owned(), None);
    let decide = |world: &World, body: &str| world.decide(&rules, body);

    let toaster = decide(&world, &request("contoso-toaster-007", |_| {}));
    assert_eq!((toaster.status, toaster.body), (200, format!(r#"{{"iotHubHostName":"{TOASTERS}"}}"#)));
    assert_eq!(toaster.notes, [r#"Rule "toasters""#, &format!("Selected hub : {TOASTERS}")]);

    let heat_pump =
        request("pump", |body| body["deviceRuntimeContext"]["payload"] = json!({ "division": "heatpumps" }));
    let unknown = decide(&world, &heat_pump);
    let words = r#"Rule "heat pumps, by what they say of themselves": device.site cannot be evaluated: device is null."#;
    assert_eq!((unknown.status, unknown.body.as_str()), (400, words));

    world
        .found
        .insert("device".to_owned(), json!({ "status": "active", "site": "Munich" }).as_object().cloned());
    let known = decide(&world, &heat_pump);
    let twin = r#""initialTwin":{"properties":{"desired":{"state":"ready"}},"tags":{"site":"Munich"}}"#;
    let answer =
        format!(r#"{{"iotHubHostName":"{HEATPUMPS}",{twin},"payload":{{"configuration":"2026-11"}}}}"#);
    assert_eq!((known.status, known.body), (200, answer));
    assert_eq!(known.notes[1], "site Munich");

    world.settings.insert("MAINTENANCE".to_owned(), "on".to_owned());
    let other = request("other", |_| {});
    let maintenance = decide(&world, &other);
    assert_eq!((maintenance.status, maintenance.body.as_str()), (503, "The registry is being moved."));

    world.settings.clear();
    let nobody = decide(&world, &other);
    assert_eq!((nobody.status, nobody.body.as_str()), (400, "Unrecognized device registration."));

    world.found.insert("device".to_owned(), json!({ "status": "retired" }).as_object().cloned());
    let retired = decide(&world, &request("contoso-toaster-007", |_| {}));
    assert_eq!((retired.status, retired.body.as_str()), (400, "The device is retired."));
}

#[test]
fn a_request_without_a_registration_id_is_refused_before_any_rule() {
    let rules = rules("rules:\n  - hub: linkedHubs[7]\n");
    for body in ["", "null", "{}", r#"{"deviceRuntimeContext":{"registrationId":null,"payload":[}}"#] {
        let Ok(_) = AllocationRequest::parse(body) else { continue };
        let decision = World::default().decide(&rules, body);
        let words = "Registration ID not provided for the device.".to_owned();
        assert_eq!(
            decision,
            Decision { status: 400, body: words, notes: vec!["Registration ID : NULL".to_owned()] }
        );
    }
}

/// What `condition` is for a device that sent `payload`: true, false or a refusal.
fn holds(condition: &str, payload: Value) -> Result<bool, String> {
    holds_in(&World::default(), condition, |body| body["deviceRuntimeContext"]["payload"] = payload)
}

fn holds_in(world: &World, condition: &str, change: impl FnOnce(&mut Value)) -> Result<bool, String> {
    let lookups: String =
        world.found.keys().map(|name| format!("  {name}: {{ file: devices.csv, key: id }}\n")).collect();
    let lookups = if lookups.is_empty() { lookups } else { format!("lookups:\n{lookups}") };
    let when = serde_json::to_string(condition).unwrap();
    let source = format!("{lookups}rules:\n  - {{ name: it, when: {when}, hub: 'linkedHubs[0]' }}\n");
    let decision = world.decide(&rules(&source), &request("contoso-1", change));
    match (decision.status, decision.body.as_str()) {
        (200, _) => Ok(true),
        (400, "Unrecognized device registration.") => Ok(false),
        (400, words) => Err(words.strip_prefix("Rule \"it\": ").unwrap_or(words).to_owned()),
        other => panic!("{condition}: {other:?}"),
    }
}

#[test]
fn conditions() {
    let payload = json!({
        "division": "heatpumps", "level": 3, "big": 18_446_744_073_709_551_615_u64, "ratio": 0.5, "none": null,
        "list": [{ "kind": "a" }, { "kind": "b" }], "ids": ["x", "contoso-1"], "since": "2026-01-31T00:00:00Z",
        "a b": true,
    });
    for (condition, expected) in [
        ("true", Ok(true)),
        ("false", Ok(false)),
        // The request's members.
        (r#"registrationId == "contoso-1""#, Ok(true)),
        ("currentHub == null", Ok(true)),
        ("certificate == null", Ok(true)),
        ("linkedHubs.size() == 2", Ok(true)),
        (r#"enrollment.enrollmentGroupId == "contoso""#, Ok(true)),
        ("request.deviceRuntimeContext.registrationId == registrationId", Ok(true)),
        ("request.deviceRuntimeContext.payload == payload", Ok(true)),
        (r#"now == timestamp("2026-11-01T00:00:00Z")"#, Ok(true)),
        (r#"now - timestamp(payload.since) > duration("24h")"#, Ok(true)),
        (r#"settings.NOT_SET == """#, Ok(true)),
        (r#"settings["NOT_SET"] == """#, Ok(true)),
        // Members of the payload.
        ("has(payload.division)", Ok(true)),
        ("has(payload.missing)", Ok(false)),
        ("has(payload.none)", Ok(true)),
        ("payload.none == null", Ok(true)),
        ("payload.level == 3 && payload.level == 3.0 && payload.level < 3.5", Ok(true)),
        ("payload.ratio * 2.0 == 1.0", Ok(true)),
        ("payload.big == 18446744073709551615u", Ok(true)),
        (r#"payload["a b"]"#, Ok(true)),
        (r#"payload.?missing.orValue("x") == "x""#, Ok(true)),
        ("type(payload.level) == int", Ok(true)),
        // Functions.
        (r#"registrationId.matches("^[a-z]+-[0-9]+$")"#, Ok(true)),
        (r#"matches(registrationId, "^[0-9]+$")"#, Ok(false)),
        (r#"registrationId.split("-")[1] == "1""#, Ok(true)),
        (r#"registrationId.upperAscii() == "CONTOSO-1""#, Ok(true)),
        ("registrationId in payload.ids", Ok(true)),
        (r#"payload.list.exists(i, i.kind == "b")"#, Ok(true)),
        (r#"payload.list.all(i, i.kind == "b")"#, Ok(false)),
        (r#"payload.list.exists_one(i, i.kind == "b")"#, Ok(true)),
        (r#"payload.list.map(i, i.kind) == ["a", "b"]"#, Ok(true)),
        (r#"linkedHubs.filter(h, h.contains("heat")).map(h, h.size())[0] > 5"#, Ok(true)),
        (r#"payload.exists(name, name == "level")"#, Ok(true)),
        ("optional.of(1).hasValue()", Ok(true)),
        (r#"registrationId.startsWith("contoso") ? payload.level == 3 : payload.missing"#, Ok(true)),
        // What fails beside what decides is absorbed, on either side; what does not decide is not.
        ("payload.missing == 1 || true", Ok(true)),
        ("true || payload.missing == 1", Ok(true)),
        ("payload.missing == 1 && false", Ok(false)),
        (
            "payload.missing == 1 && true",
            Err("payload.missing cannot be evaluated: payload has no member \"missing\"."),
        ),
        // What has no value.
        (
            "payload.missing == 1",
            Err("payload.missing cannot be evaluated: payload has no member \"missing\"."),
        ),
        (
            "payload.list[0].missing == 1",
            Err("payload.list[0].missing cannot be evaluated: payload.list[0] has no member \"missing\"."),
        ),
        (
            r#"payload["missing"] == 1"#,
            Err("payload[\"missing\"] cannot be evaluated: there is no such member."),
        ),
        (
            "payload[payload.division] == 1",
            Err("payload[payload.division] cannot be evaluated: there is no such member."),
        ),
        (
            r#"payload.list.exists(i, i.missing == "b")"#,
            Err(
                "payload.list.exists(i, i.missing == \"b\") cannot be evaluated: an entry lacks a member that is read.",
            ),
        ),
        (
            r#"linkedHubs[2] == "x""#,
            Err("linkedHubs[2] cannot be evaluated: the list has 2 entries, counted from 0."),
        ),
        (
            "linkedHubs[-1] == \"x\"",
            Err("linkedHubs[-1] cannot be evaluated: the list has 2 entries, counted from 0."),
        ),
        ("payload.none.x == 1", Err("payload.none.x cannot be evaluated: payload.none is null.")),
        ("has(payload.none.x)", Err("has(payload.none.x) cannot be evaluated: payload.none is null.")),
        (
            "payload.level.x == 1",
            Err("payload.level.x cannot be evaluated: payload.level is a number, which has no members."),
        ),
        ("payload.none < 3", Err("payload.none < 3 cannot be evaluated: < cannot take null and a number.")),
        (
            r#"payload.level + "x" == "3x""#,
            Err("payload.level + \"x\" cannot be evaluated: + cannot take a number and a text."),
        ),
        ("!payload.level", Err("!payload.level cannot be evaluated: ! cannot take a number.")),
        (
            "payload.level && true",
            Err("payload.level && true cannot be evaluated: && cannot take a number and a boolean."),
        ),
        ("payload.level / 0 == 1", Err("payload.level / 0 cannot be evaluated: division by zero.")),
        (
            "9223372036854775807 + payload.level > 0",
            Err("9223372036854775807 + payload.level cannot be evaluated: the number is too large."),
        ),
        (
            "timestamp(payload.division) < now",
            Err("timestamp(payload.division) cannot be evaluated: \"timestamp\" cannot take a text."),
        ),
        (
            "payload.level.startsWith(\"3\")",
            Err(
                "payload.level.startsWith(\"3\") cannot be evaluated: \"startsWith\" cannot take a number and a text.",
            ),
        ),
        (
            "payload.level.exists(i, true)",
            Err("payload.level.exists(i, true) cannot be evaluated: a number has no entries."),
        ),
        (
            "(payload.level == 3 || false) && (payload.missing == (1))",
            Err("payload.missing cannot be evaluated: payload has no member \"missing\"."),
        ),
        // What is no condition.
        ("payload.division", Err("expected a boolean, found a text.")),
        ("payload.level", Err("expected a boolean, found a number.")),
        ("null", Err("expected a boolean, found null.")),
        ("payload.list", Err("expected a boolean, found a list.")),
        ("payload", Err("expected a boolean, found an object.")),
        ("now", Err("expected a boolean, found a timestamp.")),
    ] {
        assert_eq!(holds(condition, payload.clone()), expected.map_err(str::to_owned), "{condition}");
    }
}

#[test]
fn what_a_request_lacks() {
    for (condition, change) in [
        ("payload == {}", (|body| body["deviceRuntimeContext"]["payload"] = Value::Null) as fn(&mut Value)),
        ("payload == {} && !has(payload.x)", |_| {}),
        ("payload == [1, \"x\"]", |body| body["deviceRuntimeContext"]["payload"] = json!([1, "x"])),
        ("enrollment == null", |body| _ = body.as_object_mut().unwrap().remove("enrollmentGroup")),
        ("enrollment.registrationId == \"own\"", |body| {
            body["individualEnrollment"] = json!({ "registrationId": "own" });
        }),
        ("currentHub == \"a.example\"", |body| {
            body["deviceRuntimeContext"]["currentIoTHubHostname"] = json!("a.example");
        }),
    ] {
        assert_eq!(holds_in(&World::default(), condition, change), Ok(true), "{condition}");
    }
    // No hubs at all: the condition is right, the hub is not there.
    for hubs in [Value::Null, json!([])] {
        let none = holds_in(&World::default(), "linkedHubs == []", |body| body["linkedHubs"] = hubs);
        assert_eq!(none, Err("linkedHubs[0] cannot be evaluated: the list is empty.".to_owned()));
    }
}

#[test]
fn a_member_of_the_wrong_type_refuses_whatever_else_the_condition_says() {
    for condition in ["linkedHubs == [] || true", "linkedHubs[0] == \"x\""] {
        let answer = holds_in(&World::default(), condition, |body| body["linkedHubs"] = json!(5));
        let words = answer.unwrap_err();
        assert!(
            words
                .starts_with("The request body has the wrong type at linkedHubs: expected an array, found 5"),
            "{words}"
        );
    }
    let answer =
        holds_in(&World::default(), "true || linkedHubs == []", |body| body["linkedHubs"] = json!([5]));
    assert_eq!(answer, Err("linkedHubs".to_owned()).or(Ok(true)));
}

#[test]
fn settings_and_look_ups() {
    let mut world = World::default();
    world.settings.insert("MAINTENANCE".to_owned(), "on".to_owned());
    let device = json!({ "status": "active", "level": 3, "tags": ["a"] });
    world.found.insert("device".to_owned(), device.as_object().cloned());
    world.found.insert("owner".to_owned(), None);
    for (condition, expected) in [
        (r#"settings.MAINTENANCE == "on""#, true),
        (r#""MAINTENANCE" in settings"#, true),
        (r#""OTHER" in settings"#, false),
        (r#"device.status == "active" && device.level > 2 && "a" in device.tags"#, true),
        ("owner == null", true),
        ("owner != null && owner.name == \"x\"", false),
        ("device == null", false),
    ] {
        assert_eq!(holds_in(&world, condition, |_| {}), Ok(expected), "{condition}");
    }
    let words = "owner.name cannot be evaluated: owner is null.".to_owned();
    assert_eq!(holds_in(&world, "owner.name == \"x\"", |_| {}), Err(words));
}

#[test]
fn outcomes() {
    let payload = json!({ "site": "Munich", "level": 3, "none": null, "list": [1, 2.5], "hub": "contoso-x" });
    for (rule, status, body) in [
        // Hubs, by host name or its first label.
        (format!("    hub: '\"{HEATPUMPS}\"'"), 200, format!(r#"{{"iotHubHostName":"{HEATPUMPS}"}}"#)),
        ("    hub: '\"contoso-heatpumps-hub-1098\"'".to_owned(), 200, format!(r#"{{"iotHubHostName":"{HEATPUMPS}"}}"#)),
        ("    hub: payload.hub".to_owned(), 400, r#"Rule "it": the hub "contoso-x" is not linked to the enrollment."#.to_owned()),
        ("    hub: payload.level".to_owned(), 400, r#"Rule "it": hub: expected a text, found a number."#.to_owned()),
        ("    hub: currentHub".to_owned(), 400, r#"Rule "it": hub: expected a text, found null."#.to_owned()),
        (
            "    hub: payload.missing".to_owned(),
            400,
            r#"Rule "it": payload.missing cannot be evaluated: payload has no member "missing"."#.to_owned(),
        ),
        // Texts.
        ("    refuse: No.".to_owned(), 400, "No.".to_owned()),
        ("    askAgain: Later.".to_owned(), 503, "Later.".to_owned()),
        ("    refuse: \"${payload.site} ${payload.level} ${payload.list} $${x} ${payload.none} $5\"".to_owned(), 400, "Munich 3 [1,2.5] ${x} null $5".to_owned()),
        ("    refuse: ${payload.level}".to_owned(), 400, "3".to_owned()),
        (r#"    refuse: >-
      ${ {"a}": "}"}["a}"] + '}' }"#.to_owned(), 400, "}}".to_owned()),
        (
            "    refuse: ${payload.missing}".to_owned(),
            400,
            r#"Rule "it": payload.missing cannot be evaluated: payload has no member "missing"."#.to_owned(),
        ),
        // What comes with a hub.
        (
            "    hub: linkedHubs[0]\n    payload: { a: \"${payload.list}\", b: [\"x${payload.level}\", 5, null], c: \"${now}\" }".to_owned(),
            200,
            format!(r#"{{"iotHubHostName":"{TOASTERS}","payload":{{"a":[1,2.5],"b":["x3",5,null],"c":"2026-11-01T00:00:00Z"}}}}"#),
        ),
        (
            "    hub: linkedHubs[0]\n    payload: ${payload}".to_owned(),
            200,
            format!(r#"{{"iotHubHostName":"{TOASTERS}","payload":{{"hub":"contoso-x","level":3,"list":[1,2.5],"none":null,"site":"Munich"}}}}"#),
        ),
        ("    hub: linkedHubs[0]\n    payload: ${payload.level}".to_owned(), 400, r#"Rule "it": payload: expected an object, found a number."#.to_owned()),
        ("    hub: linkedHubs[0]\n    initialTwin: ${payload.list}".to_owned(), 400, r#"Rule "it": initialTwin: expected an object, found a list."#.to_owned()),
        ("    hub: linkedHubs[0]\n    initialTwin: { tags: \"${payload.site}\" }".to_owned(), 400, r#"Rule "it": initialTwin.tags: expected an object, found a text."#.to_owned()),
        (
            "    hub: linkedHubs[0]\n    initialTwin: { properties: { desired: \"${payload}\" } }".to_owned(),
            200,
            format!(r#"{{"iotHubHostName":"{TOASTERS}","initialTwin":{{"properties":{{"desired":{{"hub":"contoso-x","level":3,"list":[1,2.5],"none":null,"site":"Munich"}}}}}}}}"#),
        ),
    ] {
        let decision = one(&rule, payload.clone());
        assert_eq!((decision.status, decision.body), (status, body), "{rule}");
    }
}

#[test]
fn the_first_rule_that_holds_decides_and_one_that_fails_refuses() {
    let rules = rules(
        "rules:\n  - when: 'false'\n    refuse: a\n  - when: payload.x\n    refuse: b\n  - refuse: c\n  - refuse: d\n",
    );
    let decide = |payload: Value| {
        let body = request("x", |body| body["deviceRuntimeContext"]["payload"] = payload);
        World::default().decide(&rules, &body).body
    };
    assert_eq!(decide(json!({ "x": true })), "b");
    assert_eq!(decide(json!({ "x": false })), "c");
    assert_eq!(decide(json!({})), r#"Rule 2: payload.x cannot be evaluated: payload has no member "x"."#);
}

#[test]
fn a_spread() {
    let hub = |expression: &str, id: &str| {
        let rules = rules(&format!(
            "rules:\n  - name: it\n    hub: {}\n",
            serde_json::to_string(expression).unwrap()
        ));
        let decision = World::default().decide(&rules, &request(id, |_| {}));
        let answer: Result<Value, _> = serde_json::from_str(&decision.body);
        answer.map_or(decision.body, |answer| answer["iotHubHostName"].as_str().unwrap().to_owned())
    };
    let spread: Vec<String> = (0..100).map(|id| hub("spread(linkedHubs)", &format!("device-{id}"))).collect();
    assert!(spread.contains(&TOASTERS.to_owned()) && spread.contains(&HEATPUMPS.to_owned()), "{spread:?}");
    for id in ["a", "b", "c"] {
        assert_eq!(hub(r#"spread(linkedHubs, {"contoso-toasters-hub-1098": 0})"#, id), HEATPUMPS);
        assert_eq!(hub(&format!(r#"spread(linkedHubs, {{"{TOASTERS}": 0.0, "other": 7}})"#), id), HEATPUMPS);
        assert_eq!(hub(r#"spread(linkedHubs.filter(h, h.contains("toast")))"#, id), TOASTERS);
    }
    for (expression, words) in [
        ("spread([])", "spread([]) cannot be evaluated: there is no hub to choose from."),
        ("spread([5])", "spread([5]) cannot be evaluated: the hubs are not a list of texts."),
        (
            "spread(registrationId)",
            "spread(registrationId) cannot be evaluated: \"spread\" cannot take a text.",
        ),
        (
            "spread(linkedHubs, {\"a\": -1})",
            "spread(linkedHubs, {\"a\": -1}) cannot be evaluated: a weight is not a number from 0.",
        ),
        (
            "spread(linkedHubs, {1: 1})",
            "spread(linkedHubs, {1: 1}) cannot be evaluated: the weights are not by hubs' names.",
        ),
        (
            "spread(linkedHubs, 5)",
            "spread(linkedHubs, 5) cannot be evaluated: \"spread\" cannot take a list and a number.",
        ),
    ] {
        assert_eq!(hub(expression, "a"), format!("Rule \"it\": {words}"));
    }
}

#[test]
fn a_broken_certificate_refuses_in_its_own_words() {
    let broken =
        |body: &mut Value| body["deviceRuntimeContext"]["x509"] = json!({ "clientCertificate": "no" });
    for condition in ["certificate == null", "certificate == null || true", "has(certificate.subject)"] {
        let words = holds_in(&World::default(), condition, broken).unwrap_err();
        assert!(words.starts_with("The device's certificate cannot be read: "), "{condition}: {words}");
    }
    assert_eq!(holds_in(&World::default(), "true || certificate == null", broken), Ok(true));
}

#[test]
fn what_look_ups_are_asked_with() {
    let rules = rules(
        "lookups:\n  \
           service: { http: \"https://x.example/a/${registrationId}?p=${payload.p}&n=${payload.n}\", audience: \"api://x\", header: { x-key: KEY } }\n  \
           other: { http: \"${settings.BASE}/${registrationId}\" }\n  \
           table: { sql: \"select $1, $2\", parameters: [registrationId, payload.n], url: DB }\n  \
           devices: { file: devices.csv, key: id }\n  \
           row: { input: device }\n\
         rules: []\n",
    );
    let mut world = World::default();
    world.settings.insert("BASE".to_owned(), "https://y.example/b".to_owned());
    let ask = |body: &str| {
        world.with(body, |case| {
            let values = rules.lookup_values(case).map_err(|refusal| refusal.to_string())?;
            Ok::<_, String>(json!(values))
        })
    };
    let body = |payload: Value| request("a/../ä?", |body| body["deviceRuntimeContext"]["payload"] = payload);
    assert_eq!(
        ask(&body(json!({ "p": "x&y=z", "n": 5 }))).unwrap(),
        json!({
            "service": ["a/../ä?", "x&y=z", 5],
            "other": ["a/../ä?"],
            "table": ["a/../ä?", 5],
            "devices": [],
            "row": [],
        })
    );
    assert_eq!(
        ask(&body(json!({}))).unwrap_err(),
        "Look-up \"service\": payload.p cannot be evaluated: payload has no member \"p\"."
    );
    assert_eq!(ask("{}"), Ok(json!({})));
    let literals: Vec<_> = rules
        .lookups()
        .iter()
        .filter_map(|lookup| match &lookup.spec {
            LookupSpec::Http { url, .. } => Some(url.literals(|setting| world.settings[setting].clone())),
            _ => None,
        })
        .collect();
    assert_eq!(literals, [vec!["https://x.example/a/", "?p=", "&n=", ""], vec!["https://y.example/b/", ""]]);
    let settings: Vec<&str> = rules.lookups().iter().flat_map(|lookup| lookup.spec.settings()).collect();
    assert_eq!(settings, ["KEY", "DB"]);
}
