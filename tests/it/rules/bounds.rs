//! What costs too much is refused, shown with the largest body.

use super::*;

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
