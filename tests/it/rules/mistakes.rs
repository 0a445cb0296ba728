//! What is wrong in a file, and where; what is right.

use super::*;

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
fn the_schema_for_editors_has_the_members_that_the_parser_has() {
    let schema = include_str!("../../../docs/allocation.schema.json");
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
