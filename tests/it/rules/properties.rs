//! Anything at all as a file or a request.

use super::*;

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
