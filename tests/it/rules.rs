use std::time::{Duration, Instant, UNIX_EPOCH};

use dps_custom_allocation::allocation::rules::{LookupSpec, Rules};
use dps_custom_allocation::allocation::{Case, Found, Notes, Policy, PolicySettings};
use dps_custom_allocation::webhook::AllocationRequest;
use proptest::prelude::*;
use proptest::sample;
use serde_json::{Value, json};

/// The example of the documentation, with its look-up.
const EXAMPLE: &str = r#"lookups:
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

fn mistakes(source: &str) -> String {
    Rules::parse(source).map_or_else(|mistakes| mistakes.to_string(), |_| "no mistake".to_owned())
}

#[test]
fn mistakes_in_the_file() {
    const VARIABLES: &str =
        "registrationId, payload, linkedHubs, currentHub, enrollment, certificate, settings, now, request";
    let names = |more: &str| format!("{VARIABLES}{more}");
    let rule = "a rule has name, when, hub, refuse, askAgain, initialTwin, payload, note";
    let mut wrong = Vec::new();
    for (source, expected) in [
        ("", "1:1: expected the file, an object; found nothing".to_owned()),
        ("- a", "1:1: expected the file, an object; found a list".to_owned()),
        ("rules: 5", "1:8: rules: expected a list, found a number".to_owned()),
        ("lookups: {}", "1:1: the file has no rules".to_owned()),
        ("rules: []\nrule: []", "2:1: unknown member \"rule\"; the file has lookups, rules".to_owned()),
        ("rules: [", "1:8: not valid YAML: unclosed bracket '['".to_owned()),
        ("rules: []\n---\nrules: []", "3:1: not valid YAML: the file has more than one document".to_owned()),
        // Rules.
        ("rules: [5]", "1:9: expected a rule, an object; found a number".to_owned()),
        (
            "rules:\n  - when: 'true'",
            "2:5: the rule has no outcome: expected hub, refuse or askAgain".to_owned(),
        ),
        (
            "rules:\n  - hub: linkedHubs[0]\n    refuse: No.",
            "2:5: the rule has 2 outcomes, hub and refuse: expected one".to_owned(),
        ),
        ("rules:\n  - refuse: a\n    hubs: x", format!("3:5: unknown member \"hubs\"; {rule}")),
        ("rules:\n  - refuse: a\n    refuse: b", "3:5: the member \"refuse\" is here twice".to_owned()),
        ("rules:\n  - refuse: [a]", "2:13: refuse: expected a text, found a list".to_owned()),
        ("rules:\n  - hub:", "2:8: hub: expected a text, found nothing".to_owned()),
        (
            "rules:\n  - refuse: a\n    payload: {}\n    initialTwin: {}",
            "3:14: payload: only a rule with a hub has one\n4:18: initialTwin: only a rule with a hub has one".to_owned(),
        ),
        // Expressions.
        ("rules:\n  - hub: hubs[0]", format!("2:10: unknown name \"hubs\"; known are {}", names(""))),
        ("rules:\n  - hub: .linkedHubs[0]", format!("2:11: unknown name \".linkedHubs\"; known are {}", names(""))),
        ("rules:\n  - hub: linkedHubs[0].lower()", "2:24: unknown function \"lower\"".to_owned()),
        ("rules:\n  - hub: first(linkedHubs)", "2:10: unknown function \"first\"".to_owned()),
        (
            "rules:\n  - hub: _first(_last())",
            "2:10: unknown function \"_first\"\n2:17: unknown function \"_last\"".to_owned(),
        ),
        ("rules:\n  - hub: linkedHubs.spread()", "2:21: \"spread\" is called as spread(…)".to_owned()),
        ("rules:\n  - hub: split(registrationId, 'a')", "2:10: \"split\" is called as value.split(…)".to_owned()),
        ("rules:\n  - hub: spread()", "2:10: \"spread\" takes a list of hubs, and weights by name if any".to_owned()),
        ("rules:\n  - hub: 'Hub{a: 1}'", "2:14: unknown type \"Hub\"".to_owned()),
        ("rules:\n  - hub: linkedHubs[", "2:21: the expression ends too early".to_owned()),
        ("rules:\n  - hub: (linkedHubs[0]", "2:24: expected \")\"".to_owned()),
        ("rules:\n  - hub: linkedHubs[0] x", "2:24: unexpected \"x\"".to_owned()),
        ("rules:\n  - hub: registrationId = 5", "2:25: unexpected \"=\"".to_owned()),
        ("rules:\n  - hub: 'a == \"b'", "2:16: the text has no end, or an escape that is not known".to_owned()),
        ("rules:\n  - hub: ''", "2:10: expected an expression".to_owned()),
        ("rules:\n  - hub: for", "2:10: \"for\" is a reserved word".to_owned()),
        ("rules:\n  - hub: has(payload)", "2:14: has() takes a member, such as has(payload.division)".to_owned()),
        ("rules:\n  - hub: linkedHubs.filter(1, true)[0]", "2:28: expected a name for what is iterated".to_owned()),
        (
            "rules:\n  - hub: linkedHubs.filter(h, linkedHubs.exists(i, i == h))[0]",
            "2:42: an iteration inside an iteration: all, exists, exists_one, map and filter do not nest".to_owned(),
        ),
        (
            "rules:\n  - hub: linkedHubs.filter(h, [1].map(i, i)[0] == 1)[0]",
            "2:35: an iteration inside an iteration: all, exists, exists_one, map and filter do not nest".to_owned(),
        ),
        (
            "rules:\n  - hub: linkedHubs.filter(h, x)[0] + h",
            format!("2:31: unknown name \"x\"; known are {0}\n2:39: unknown name \"h\"; known are {0}", names("")),
        ),
        (
            "rules:\n  - hub: registrationId.matches(payload.pattern)",
            "2:40: the pattern of \"matches\" must be written here as a text".to_owned(),
        ),
        (
            "rules:\n  - hub: registrationId.matches('(')",
            "2:33: the pattern is not valid: unclosed group".to_owned(),
        ),
        ("rules:\n  - hub: '\"%d\".format([1])'", "2:16: unknown function \"format\"".to_owned()),
        // Places in texts of every style.
        ("rules:\n  - hub: |\n      registrationId ==\n        x", format!("4:9: unknown name \"x\"; known are {}", names(""))),
        ("rules:\n  - hub: >-\n      registrationId\n      == x", format!("4:10: unknown name \"x\"; known are {}", names(""))),
        ("rules:\n  - hub: registrationId\n      == x", format!("3:10: unknown name \"x\"; known are {}", names(""))),
        ("rules:\n  - hub: \"\\\"\\u00e4\\\" == x\"", format!("2:25: unknown name \"x\"; known are {}", names(""))),
        ("rules:\n  - hub: '''a'' == x'", format!("2:20: unknown name \"x\"; known are {}", names(""))),
        ("rules:\n  - hub: '\"ä😀\" == x'", format!("2:19: unknown name \"x\"; known are {}", names(""))),
        ("rules:\n  - refuse: ä ${ payload.x } ${y}", format!("2:32: unknown name \"y\"; known are {}", names(""))),
        ("rules:\n  - refuse: a ${payload", "2:15: \"${\" without its \"}\"; \"$${\" is a literal \"${\"".to_owned()),
        ("rules:\n  - refuse: a ${}", "2:17: expected an expression".to_owned()),
        (
            "rules:\n  - hub: linkedHubs[0]\n    payload:\n      list: [\"${x}\", { b: '${y}' }]",
            format!("4:17: unknown name \"x\"; known are {0}\n4:30: unknown name \"y\"; known are {0}", names("")),
        ),
        // Twins and payloads.
        ("rules:\n  - hub: linkedHubs[0]\n    payload: text", "3:14: payload: expected an object, found a text".to_owned()),
        ("rules:\n  - hub: linkedHubs[0]\n    payload: \"x ${payload}\"", "3:14: payload: expected an object, found a text".to_owned()),
        (
            "rules:\n  - hub: linkedHubs[0]\n    initialTwin: { tag: {}, properties: { reported: {} } }",
            "3:20: unknown member \"tag\"; a twin has tags, properties\n3:43: unknown member \"reported\"; a new twin's properties has desired".to_owned(),
        ),
        (
            "rules:\n  - hub: linkedHubs[0]\n    payload: { a: 1, b: { c: 1, c: 2 } }",
            "3:33: the member \"c\" is here twice".to_owned(),
        ),
        // Look-ups.
        ("lookups: { a: 5 }\nrules: []", "1:15: expected a look-up, an object; found a number".to_owned()),
        (
            "lookups: { a: { url: x } }\nrules: []",
            "1:15: the look-up has no kind: expected one of file, input, http and sql".to_owned(),
        ),
        (
            "lookups: { a: { file: x, sql: y } }\nrules: []",
            "1:15: the look-up has more than one kind: expected one of file, input, http and sql".to_owned(),
        ),
        ("lookups: { a: { file: x } }\nrules: []", "1:15: a look-up in a file has no key".to_owned()),
        (
            "lookups: { a: { input: x, key: y } }\nrules: []",
            "1:27: unknown member \"key\"; a look-up in an input has input".to_owned(),
        ),
        (
            "lookups: { a: { http: ftp://x } }\nrules: []",
            "1:23: http: expected https:// or http:// and a host, or a ${settings.…} that begins so".to_owned(),
        ),
        (
            "lookups: { a: { http: \"https://${registrationId}.example\" } }\nrules: []",
            "1:23: http: expected https:// or http:// and a host, or a ${settings.…} that begins so".to_owned(),
        ),
        (
            "lookups: { a: { sql: \"select '${registrationId}'\", url: X } }\nrules: []",
            "1:31: sql: values come by parameters and $1, $2, …, never by ${…}".to_owned(),
        ),
        (
            "lookups: { a: { sql: select, parameters: [id, b], url: X }, b: { input: i } }\nrules: []",
            format!("1:43: unknown name \"id\"; known are {VARIABLES}\n1:47: \"b\" is a look-up; look-ups are asked together and cannot use each other"),
        ),
        (
            "lookups: { payload: { input: x }, a-b: { input: x }, int: { input: x }, for: { input: x } }\nrules: []",
            "1:12: \"payload\" cannot be a look-up's name: it has a meaning of its own\n\
             1:35: \"a-b\" cannot be a look-up's name: expected letters, digits and _\n\
             1:54: \"int\" cannot be a look-up's name: it has a meaning of its own\n\
             1:73: \"for\" cannot be a look-up's name: it has a meaning of its own".to_owned(),
        ),
        ("lookups: { a: { input: x }, a: { input: y } }\nrules: []", "1:29: the member \"a\" is here twice".to_owned()),
        // The broken look-up's name is known all the same.
        (
            "lookups: { device: { file: x } }\nrules:\n  - when: device.x && y\n    refuse: a",
            format!("1:20: a look-up in a file has no key\n3:23: unknown name \"y\"; known are {}", names(", device")),
        ),
        // All at once.
        (
            "lookups: { device: { file: x, key: y } }\nrules:\n  - hub: a\n  - when: b.c()\n    refuse: ${d}\n  - {}",
            format!(
                "3:10: unknown name \"a\"; known are {0}\n4:11: unknown name \"b\"; known are {0}\n\
                 4:13: unknown function \"c\"\n5:15: unknown name \"d\"; known are {0}\n\
                 6:5: the rule has no outcome: expected hub, refuse or askAgain",
                names(", device")
            ),
        ),
    ] {
        let found = mistakes(source);
        if found != expected {
            wrong.push(format!("{source}\nfound:\n{found}\nexpected:\n{expected}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_right_in_a_file() {
    for source in [
        EXAMPLE,
        "rules: []",
        "# only this\nrules:\n  - refuse: a\n",
        "\u{feff}rules:\n  - refuse: a\n",
        "rules:\n  - when: true\n    hub: linkedHubs[0]\n    note: 5\n",
        "rules:\n  - hub: &h linkedHubs[0]\n  - hub: *h\n",
        "rules: [{ hub: 'linkedHubs[0]', initialTwin: '${payload.twin}', payload: '${payload.x}' }]",
        "lookups:\n  a: { http: \"https://x.example/devices/${registrationId}\", audience: api://x, header: { x-key: REGISTRY_KEY } }\n  \
         b: { http: \"${settings.REGISTRY}/devices/${registrationId}\" }\n  \
         c: { sql: \"select * from t where id = $1\", parameters: [registrationId], url: REGISTRY_URL }\n  \
         d: { input: row }\nrules:\n  - when: a != null && b != null && c != null && d != null\n    refuse: x\n",
    ] {
        assert_eq!(mistakes(source), "no mistake", "\n{source}\n");
    }
}

#[test]
fn the_language_has_these_limits() {
    let deep = |count: usize| {
        format!("rules: [{{ refuse: x, when: '{}true{}' }}]", "[".repeat(count), "][0]".repeat(count))
    };
    assert_eq!(mistakes(&deep(15)), "no mistake");
    let chain = |count: usize| {
        format!("rules: [{{ refuse: x, when: 'registrationId == {}\"x\"' }}]", "\"x\" + ".repeat(count))
    };
    assert_eq!(mistakes(&chain(31)), "no mistake");
    for source in [deep(100), chain(32), deep(500)] {
        assert_eq!(mistakes(&source), "1:29: the expression is nested too deep", "{source}");
    }
    let long = format!("rules: [{{ refuse: x, when: 'registrationId == \"{}\"' }}]", "x".repeat(5000));
    assert_eq!(mistakes(&long), "1:29: the expression has 5020 bytes; at most 4096 are read");
    let large = format!("rules: [] # {}", "x".repeat(2 * 1024 * 1024));
    assert_eq!(mistakes(&large), "1:1: the file has 2097164 bytes; at most 1048576 are read");
    // The deepest that is compiled is evaluated, in the stack of a worker.
    let deepest = rules(&chain(31));
    let evaluated = World::default().decide(&deepest, &request("x", |_| {}));
    assert_eq!(evaluated.body, "Unrecognized device registration.");
    let failing = rules(&chain(30).replace("registrationId ==", "payload.x +"));
    let evaluated = World::default().decide(&failing, &request("x", |_| {}));
    assert_eq!(evaluated.body, "Rule 1: payload.x cannot be evaluated: payload has no member \"x\".");
    let explained =
        World::default().with(&request("x", |_| {}), |case| failing.explanation(case)).unwrap().unwrap();
    assert_eq!(explained.rules[0].parts.len(), 32, "{explained}");
    // A billion laughs.
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        laughs.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{}", level - 1); 10].join(", ")
        ));
    }
    let start = Instant::now();
    assert!(mistakes(&laughs).contains("not valid YAML"), "{}", mistakes(&laughs));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn an_explanation() {
    let rules = rules(EXAMPLE);
    let mut world = World::default();
    world.found.insert("device".to_owned(), json!({ "status": "active" }).as_object().cloned());
    let explain = |world: &World, body: &str| {
        world.with(body, |case| rules.explanation(case)).unwrap().unwrap().to_string()
    };
    assert_eq!(
        explain(&world, &request("contoso-toaster-007", |_| {})),
        r#"Rule "retired" does not hold
  device != null && device.status == "retired" = false
    device != null = true
      device = {"status":"active"}
    device.status == "retired" = false
      device.status = "active"
Rule "toasters" holds
  registrationId.contains("contoso-toaster") = true
    registrationId = "contoso-toaster-007"
3 more rules were not reached
"#
    );
    world.found.insert("device".to_owned(), None);
    let pump = request("pump", |body| body["deviceRuntimeContext"]["payload"] = json!({ "division": 5 }));
    assert_eq!(
        explain(&world, &pump),
        r#"Rule "retired" does not hold
  device != null && device.status == "retired" = false
    device != null = false
      device = null
    device.status == "retired": not needed
Rule "toasters" does not hold
  registrationId.contains("contoso-toaster") = false
    registrationId = "pump"
Rule "heat pumps, by what they say of themselves" does not hold
  has(payload.division) && payload.division == "heatpumps" = false
    has(payload.division) = true
    payload.division == "heatpumps" = false
      payload.division = 5
Rule "maintenance" does not hold
  settings.MAINTENANCE == "on" = false
    settings.MAINTENANCE = ""
Rule "everybody else of Contoso, spread" does not hold
  certificate != null && certificate.subject.O == "Contoso" = false
    certificate != null = false
      certificate = null
    certificate.subject.O == "Contoso": not needed
"#
    );
    assert_eq!(world.with("{}", |case| rules.explanation(case)), Ok(None));
}

#[test]
fn an_explanation_shows_every_part_as_it_is_written() {
    let when = r#"(payload.a == 1 || ( payload.b )) && !(payload.list.exists(i, i > payload.a)) && spread(linkedHubs, {"a": 2}) != registrationId.split("-")[0]
      && (payload.a > 0 ? registrationId.matches("[(\"]x") : payload.c) || has(payload.d.e)"#;
    let rules = rules(&format!("rules:\n  - when: >-\n      {when}\n    refuse: x\n"));
    let body = request("contoso-1", |body| {
        body["deviceRuntimeContext"]["payload"] = json!({ "a": 2, "b": true, "list": [1, 2] });
    });
    let explanation = World::default().with(&body, |case| rules.explanation(case)).unwrap().unwrap();
    assert_eq!(
        explanation.to_string(),
        format!(
            r#"Rule 1 refuses: payload.d cannot be evaluated: payload has no member "d"
  {}: payload.d cannot be evaluated: payload has no member "d"
    {} = false
      payload.a == 1 || ( payload.b ) = true
        payload.a == 1 = false
          payload.a = 2
        payload.b = true
      !(payload.list.exists(i, i > payload.a)) = true
        payload.list.exists(i, i > payload.a) = false
          payload.list = [1,2]
      spread(linkedHubs, {{"a": 2}}) != registrationId.split("-")[0] = true
        spread(linkedHubs, {{"a": 2}}) = "{TOASTERS}"
          linkedHubs = ["{TOASTERS}","{HEATPUMPS}"]
        registrationId.split("-")[0] = "contoso"
      payload.a > 0 ? registrationId.matches("[(\"]x") : payload.c = false
        payload.a > 0 = true
          payload.a = 2
        registrationId.matches("[(\"]x") = false
          registrationId = "contoso-1"
        payload.c: not needed
    has(payload.d.e): payload.d cannot be evaluated: payload has no member "d"
"#,
            when.replace("\n     ", ""),
            when.replace("\n     ", "").split(" || has(").next().unwrap(),
        )
    );
}

/// A request whose body is about as large as the largest that is read, 16 MiB: `payload` is `begin`, then
/// `piece` again and again, then `end`.
fn largest(begin: &str, piece: &str, end: &str) -> String {
    const LARGEST: usize = 16 * 1024 * 1024;
    let head = format!(r#"{{"deviceRuntimeContext":{{"registrationId":"contoso-1","payload":{begin}"#);
    let tail = format!("{end}}},\"linkedHubs\":[\"{TOASTERS}\"]}}");
    let count = (LARGEST - head.len() - tail.len()) / piece.len();
    format!("{head}{}{tail}", piece.repeat(count))
}

#[test]
fn the_largest_body_costs_little_whatever_a_rule_does_with_it() {
    let text = largest(r#"{"text":""#, "x", r#""}"#);
    let list = largest(r#"{"list":[0"#, ",[]", "]}");
    let assigned = format!(r#"{{"iotHubHostName":"{TOASTERS}"}}"#);
    let nobody = "Unrecognized device registration.".to_owned();
    let long = |source: &str| {
        format!(
            "Rule \"it\": {source} cannot be evaluated: the text has more than 1000 bytes, which is the most for this function."
        )
    };
    let many = "Rule \"it\": deviceRuntimeContext.payload cannot be read: it has more than 100000 values."
        .to_owned();
    for (body, condition, expected) in [
        (&text, r#"registrationId == "contoso-1""#, &assigned),
        (&list, r#"registrationId == "contoso-1""#, &assigned),
        (&text, r#"payload.text.contains("xy") || payload.text.size() > 16000000"#, &assigned),
        (&text, r#"payload.text + "" == payload.text && payload == payload && request == request"#, &assigned),
        (&text, r#"payload.exists(name, name == "y")"#, &nobody),
        (&text, r#"payload.text.split("") == []"#, &long(r#"payload.text.split("")"#)),
        (&text, r#"payload.text.matches("(x+x+)+y")"#, &long(r#"payload.text.matches("(x+x+)+y")"#)),
        (&text, r#""x".replace("x", payload.text) == """#, &long(r#""x".replace("x", payload.text)"#)),
        (&text, "payload.text.indexOf(payload.text) == 0", &long("payload.text.indexOf(payload.text)")),
        (
            &text,
            "[1, 2].map(i, payload.text) == []",
            &"Rule \"it\": [1, 2].map(i, payload.text) cannot be evaluated: there is too much to read for every one of its entries.".to_owned(),
        ),
        (&list, "payload.list.size() > 5", &many),
        (&list, "payload.list.exists(i, i == payload.list) || true", &many),
        (&list, "request == request", &many.replace("deviceRuntimeContext.payload", "the request")),
    ] {
        let when = serde_json::to_string(condition).unwrap();
        let rules = rules(&format!("rules: [{{ name: it, when: {when}, hub: \"linkedHubs[0]\" }}]"));
        let start = Instant::now();
        let decision = World::default().decide(&rules, body);
        let took = start.elapsed();
        assert_eq!(&decision.body, expected, "{condition}");
        assert!(took < Duration::from_secs(30), "{condition}: {took:?}");
    }
}

#[test]
fn what_is_iterated_has_at_most_a_thousand_entries() {
    let ids = |count: usize| (0..count).map(|id| format!("contoso-{id}")).collect::<Vec<_>>();
    for (condition, entries, expected) in [
        ("payload.exists(i, i == registrationId)", 1_000, Ok(true)),
        (
            "payload.exists(i, i == registrationId)",
            1_001,
            Err("it has more than 1000 entries, which is the most for an iteration"),
        ),
        ("registrationId in payload && payload.size() == 1001", 1_001, Ok(true)),
        ("payload.join(\",\") != \"\"", 1_000, Ok(true)),
        (
            "payload.join(\",\") != \"\"",
            1_001,
            Err("it has more than 1000 entries, which is the most for this function"),
        ),
        ("payload.exists(i, i in payload)", 1_000, Ok(true)),
        ("payload.exists(i, [i] == payload || [payload, payload] == i)", 1_000, Ok(false)),
    ] {
        let answer = holds(condition, json!(ids(entries)));
        let expected = expected.map_err(str::to_owned);
        let answer = answer.map_err(|words| {
            let (_, why) = words.split_once(" cannot be evaluated: ").unwrap();
            why.trim_end_matches('.').to_owned()
        });
        assert_eq!(answer, expected, "{condition} with {entries} entries");
    }
    // Members of an object are entries as well, and what the body of an iteration reads counts.
    let members: serde_json::Map<String, Value> =
        ids(1_001).into_iter().map(|id| (id, Value::Null)).collect();
    assert!(holds("payload.all(name, true)", members.into()).unwrap_err().contains("more than 1000 entries"));
    let large = json!({ "list": ids(1_000), "data": "x".repeat(20_000) });
    let words = holds("payload.list.exists(i, i == payload.data)", large.clone()).unwrap_err();
    assert!(words.contains("too much to read for every one of its entries"), "{words}");
    assert_eq!(
        holds("payload.list.exists(i, i == registrationId) && payload.data.size() == 20000", large.clone()),
        Ok(true)
    );
    // What is kept counts four times; hubs are chosen by the largest of payloads all the same.
    let large = json!({ "region": "heat", "data": "x".repeat(96 * 1024) });
    for (condition, fits) in [
        ("linkedHubs.filter(h, h.contains(payload.region)).size() == 1", true),
        ("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(i, payload.region).size() == 10", true),
        ("(payload.data.substring(0, 1) == \"x\") || linkedHubs.map(h, payload).size() == 2", true),
    ] {
        assert_eq!(holds(condition, large.clone()), Ok(fits), "{condition}");
    }
    let many = json!({ "list": ids(100), "data": "x".repeat(48 * 1024) });
    assert_eq!(holds("payload.list.filter(i, i == payload.data) == []", many.clone()), Ok(true));
    assert!(holds("payload.list.map(i, payload.data) == []", many).unwrap_err().contains("too much to read"));
}

#[test]
fn what_is_nested_deeper_than_json_is_read_is_refused_where_a_rule_reads_it() {
    let nested = |depth: usize| {
        let payload = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(
            r#"{{"deviceRuntimeContext":{{"registrationId":"a","payload":{payload}}},"linkedHubs":["{TOASTERS}"]}}"#
        )
    };
    let reads = rules("rules: [{ when: 'payload == []', refuse: same }, { hub: 'linkedHubs[0]' }]");
    let decide = |depth: usize| World::default().decide(&reads, &nested(depth)).body;
    assert_eq!(decide(1), "same");
    assert_eq!(decide(60), format!(r#"{{"iotHubHostName":"{TOASTERS}"}}"#));
}

/// An expression: of a type that makes sense mostly, of any at times, of no sense at all now and then.
fn any_expression() -> impl Strategy<Value = String> {
    let constant = |texts: &[&'static str]| sample::select(texts.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        4 => constant(&["registrationId", "payload.a", "device.status", "settings.X", "payload.status", "linkedHubs[0]", "'-'",
            "'contoso-1'", "'ä😀'", "enrollment.a", "currentHub", "\"\"\"x\"\"\"", "r'\\d'", "h", "''"]),
        3 => constant(&["payload", "linkedHubs", "payload.list", "device.list", "device", "enrollment", "[]", "{'a': 1}",
            "[1, 'x']", "request", "['a', registrationId]", "certificate", "settings", "request.linkedHubs"]),
        3 => constant(&["0", "1", "-1", "2.5", "3u", "9223372036854775807", "payload.x", "payload.size()", "b'x'", "null"]),
        3 => constant(&["true", "false", "has(payload.a)", "device != null", "has(payload.list)", "h == 'a'"]),
        1 => constant(&["now", "timestamp('2026-01-31T00:00:00Z')", "duration('1h')", "int", "other", "optional.none()"]),
    ];
    let sensible = leaf.prop_recursive(5, 40, 3, move |inner| {
        let operator = constant(&["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "&&", "||", "&&", "||", "in"]);
        let prefix = constant(&["!", "-", "size", "string", "int", "double", "bool", "bytes", "type", "dyn", "spread",
            "optional.of", "strings.quote", "timestamp", "duration", "uint"]);
        let none = constant(&["size()", "lowerAscii()", "upperAscii()", "reverse()", "trim()", "getFullYear()",
            "getHours('Europe/Berlin')", "join()", "hasValue()", "matches('^[a-z]+-[0-9]*$')", "a", "?a", "list", "?list",
            "subject.O"]);
        let one = constant(&["contains", "startsWith", "endsWith", "split", "join", "indexOf", "lastIndexOf", "charAt",
            "substring", "orValue"]);
        let iteration = constant(&["all", "exists", "exists_one", "map", "filter"]);
        prop_oneof![
            4 => (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            1 => (prefix, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            2 => (inner.clone(), none).prop_map(|(a, method)| format!("({a}).{method}")),
            2 => (inner.clone(), one, inner.clone()).prop_map(|(a, method, b)| format!("({a}).{method}({b})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}).replace({b}, {c})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("spread({a}, {{{b}: 2}})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            2 => (inner.clone(), iteration, inner).prop_map(|(a, iteration, b)| format!("({a}).{iteration}(h, {b})")),
        ]
    });
    // `h` means something inside an iteration alone.
    let sensible = sensible.prop_map(|expression| {
        if expression.contains("(h, ") { expression } else { expression.replace("h == 'a'", "true") }
    });
    prop_oneof![
        20 => sensible.clone(),
        1 => (sensible, "[ -~äß\u{1f600}\n]{0,3}", any::<sample::Index>()).prop_map(|(mut expression, text, at)| {
            let at = at.index(expression.len() + 1);
            let at = (0..=at).rev().find(|at| expression.is_char_boundary(*at)).unwrap();
            expression.insert_str(at, &text);
            expression
        }),
        1 => "[ -~äß\u{1f600}\n]{0,12}",
    ]
}

fn any_yaml() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any_expression(),
        any_expression().prop_map(|expression| format!("a ${{{expression}}} $${{")),
        any_expression().prop_map(|expression| format!("${{{expression}}}")),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        3 => text.prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
    ];
    let any = leaf.prop_recursive(4, 40, 5, |inner| {
        let name = sample::select(vec![
            "lookups",
            "rules",
            "name",
            "when",
            "hub",
            "refuse",
            "askAgain",
            "initialTwin",
            "payload",
            "note",
            "tags",
            "properties",
            "desired",
            "file",
            "key",
            "http",
            "audience",
            "header",
            "sql",
            "parameters",
            "url",
            "input",
            "device",
            "x",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((name.prop_map(str::to_owned), inner), 0..5)
                .prop_map(|members| members.into_iter().collect()),
        ]
    });
    let outcome = sample::select(vec!["hub", "refuse", "askAgain"]);
    let rule = (outcome, any_expression(), any.clone()).prop_map(|(outcome, text, payload)| {
        if outcome == "hub" {
            json!({ "hub": text, "payload": { "a": payload } })
        } else {
            json!({ outcome: text })
        }
    });
    let lookup =
        any.clone().prop_map(|value| json!({ "sql": "select $1", "url": "x", "parameters": [value] }));
    prop_oneof![
        1 => any,
        1 => (lookup, proptest::collection::vec(rule, 0..3))
            .prop_map(|(lookup, rules)| json!({ "lookups": { "device": lookup }, "rules": rules })),
    ]
}

fn any_request() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9 äß\u{1f600}-]{0,12}".prop_map(Value::from),
        Just(Value::from("2026-01-31T00:00:00Z")),
    ];
    let name =
        || sample::select(vec!["a", "list", "status", "subject", "division", "x"]).prop_map(str::to_owned);
    let value = leaf.prop_recursive(4, 30, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name(), inner), 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    });
    let hubs = prop_oneof![
        4 => proptest::collection::vec("[a-z]{1,6}\\.azure-devices\\.net", 0..4).prop_map(Value::from),
        1 => value.clone(),
    ];
    (value.clone(), value.clone(), value, hubs).prop_map(|(payload, enrollment, current, hubs)| {
        json!({
            "enrollmentGroup": enrollment, "linkedHubs": hubs,
            "deviceRuntimeContext": { "registrationId": "contoso-1", "payload": payload,
                "currentIotHubHostName": current },
        })
    })
}

/// Decides, explains and asks for what look-ups are asked with: nothing panics, and what is refused is refused
/// in a sentence.
fn try_out(source: &str, request: &Value) {
    let rules = match Rules::parse(source) {
        Ok(rules) => rules,
        Err(mistakes) => {
            let lines = source.lines().count().max(1);
            for mistake in mistakes.iter() {
                let place = mistake.place;
                assert!(
                    place.line >= 1 && place.line as usize <= lines + 1 && place.column >= 1,
                    "{mistake}\n{source}"
                );
            }
            return;
        }
    };
    let mut world = World::default();
    world.settings.insert("X".to_owned(), "on".to_owned());
    world.found.insert("device".to_owned(), json!({ "status": "active", "list": [1] }).as_object().cloned());
    let body = request.to_string();
    let decision = world.decide(&rules, &body);
    for ours in ["@bounded", "@iterable", "@spread", "@result", "@pattern", "@bytes"] {
        assert!(!decision.body.contains(ours), "{decision:?}\n{source}");
    }
    world.with(&body, |case| {
        let explanation = rules.explanation(case).unwrap().unwrap();
        for rule in &explanation.rules {
            // Rules take a shorter way than explanations; both must come to the same.
            let Some(whole) = rule.parts.first() else { continue };
            if let Ok(holds) = rule.holds {
                assert_eq!(whole.value, Some(Ok(holds.to_string())), "{explanation}\n{source}\n{body}");
            } else {
                let truth = [Some(Ok("true".to_owned())), Some(Ok("false".to_owned()))];
                let unread = body.contains("Hub");
                assert!(unread || !truth.contains(&whole.value), "{explanation}\n{source}\n{body}");
            }
        }
        let _ = rules.lookup_values(case);
    });
}

proptest! {
    #[test]
    fn any_text_as_a_file(source in "[ -~äß\u{1f600}\n]{0,200}", request in any_request()) {
        try_out(&source, &request);
    }

    #[test]
    fn any_values_as_a_file(file in any_yaml(), request in any_request()) {
        try_out(&file.to_string(), &request);
    }

    #[test]
    fn any_rule_on_any_request(when in any_expression(), hub in any_expression(), request in any_request()) {
        let rule = json!({ "when": when, "hub": hub, "payload": { "a": format!("${{{hub}}}") }, "note": format!("x ${{{when}}}") });
        let file = json!({ "lookups": { "device": { "file": "x", "key": "y" } }, "rules": [rule, { "hub": hub }] });
        try_out(&file.to_string(), &request);
    }

    #[test]
    fn the_example_on_any_request(request in any_request()) {
        try_out(EXAMPLE, &request);
    }

    #[test]
    fn the_example_cut_off_or_changed_anywhere(at in 0..EXAMPLE.len(), with in "[ -~ä\n]", request in any_request()) {
        try_out(&EXAMPLE[..at], &request);
        try_out(&format!("{}{with}{}", &EXAMPLE[..at], &EXAMPLE[at + 1..]), &request);
    }
}

#[test]
fn the_schema_for_editors_has_the_members_that_the_parser_has() {
    let schema = include_str!("../../docs/allocation.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    // What the parser says of a member that nobody knows names those it knows.
    for (place, object, source) in [
        ("", "the file", "{ rules: [], zzz: 1 }"),
        ("/definitions/rule", "a rule", "rules: [{ refuse: x, zzz: 1 }]"),
        (
            "/definitions/rule/properties/initialTwin/oneOf/0",
            "a twin",
            "rules: [{ hub: 'linkedHubs[0]', initialTwin: { zzz: 1 } }]",
        ),
        (
            "/definitions/rule/properties/initialTwin/oneOf/0/properties/properties/oneOf/0",
            "a new twin's properties",
            "rules: [{ hub: 'linkedHubs[0]', initialTwin: { properties: { zzz: 1 } } }]",
        ),
        (
            "/definitions/file",
            "a look-up in a file",
            "{ rules: [], lookups: { a: { file: x, key: y, zzz: 1 } } }",
        ),
        (
            "/definitions/input",
            "a look-up in an input",
            "{ rules: [], lookups: { a: { input: x, zzz: 1 } } }",
        ),
        (
            "/definitions/http",
            "a look-up by HTTP",
            "{ rules: [], lookups: { a: { http: 'https://x/', zzz: 1 } } }",
        ),
        ("/definitions/sql", "a look-up by SQL", "{ rules: [], lookups: { a: { sql: x, url: y, zzz: 1 } } }"),
    ] {
        let mistake = mistakes(source);
        let (_, known) =
            mistake.split_once(&format!("unknown member \"zzz\"; {object} has ")).expect(&mistake);
        let mut known: Vec<&str> = known.split(", ").collect();
        let described = schema.pointer(place).unwrap();
        assert_eq!(described["additionalProperties"], false, "{place}");
        let mut members: Vec<&str> =
            described["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        known.sort_unstable();
        members.sort_unstable();
        assert_eq!(known, members, "{place}");
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
