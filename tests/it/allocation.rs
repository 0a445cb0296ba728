use std::path::Path;

use dps_custom_allocation::allocation::Toasters;

use crate::decision;

use crate::envelope::{HEAT_PUMP, PROCESSED, TOASTER};

/// What a body leads to: status, answer, and what the log says between the request and the response.
struct Case {
    what: &'static str,
    body: String,
    status: u16,
    answer: &'static str,
    notes: &'static [&'static str],
}

const NO_ID: &str = "Registration ID not provided for the device.";
const NO_HUBS: &str = "No hub group defined for the enrollment.";
const UNKNOWN: &str = "Unrecognized device registration.";
const ASSIGNED: &str = r#"{"iotHubHostName":"h1"}"#;

fn case(
    what: &'static str,
    body: impl Into<String>,
    status: u16,
    answer: &'static str,
    notes: &'static [&'static str],
) -> Case {
    Case { what, body: body.into(), status, answer, notes }
}

fn device(registration_id: &str, rest: &str) -> String {
    format!(r#"{{"deviceRuntimeContext":{{"registrationId":{registration_id}}}{rest}}}"#)
}

fn toaster(rest: &str) -> String {
    device("\"contoso-toaster-007\"", rest)
}

/// The outcome table, and every odd input that the editions of the sample have been seen to meet. Where
/// the sample would throw, which DPS takes for a reason to try again for minutes, the answer is 400.
fn cases() -> Vec<Case> {
    const HUBS: &str = r#","linkedHubs":["h1","h2"]"#;
    const SELECTED: &[&str] = &["linkedHub : h1", "linkedHub : h2", "Selected hub : h1"];
    let id = |id: &str| device(id, HUBS);
    vec![
        // The tutorial's table.
        case("a toaster", toaster(HUBS), 200, ASSIGNED, SELECTED),
        case("the name anywhere in the id", id("\"my-contoso-toaster\""), 200, ASSIGNED, SELECTED),
        case("a heat pump", id("\"contoso-heatpump-088\""), 400, UNKNOWN, &["Unknown device registration"]),
        case(
            "the name in another case",
            id("\"Contoso-Toaster-007\""),
            400,
            UNKNOWN,
            &["Unknown device registration"],
        ),
        case("an empty id", id("\"\""), 400, UNKNOWN, &["Unknown device registration"]),
        case("no linked hubs", toaster(""), 400, NO_HUBS, &["linkedHubs : NULL"]),
        case("linked hubs null", toaster(r#","linkedHubs":null"#), 400, NO_HUBS, &["linkedHubs : NULL"]),
        case("linked hubs empty", toaster(r#","linkedHubs":[]"#), 400, NO_HUBS, &["linkedHubs : NULL"]),
        case("hubs are asked for before the kind", device("\"x\"", ""), 400, NO_HUBS, &["linkedHubs : NULL"]),
        case(
            "an unknown device with empty hubs",
            device("\"x\"", r#","linkedHubs":[]"#),
            400,
            UNKNOWN,
            &["Unknown device registration"],
        ),
        // No registration id.
        case("an empty body", "", 400, NO_ID, &["Registration ID : NULL"]),
        case("white space alone", " \r\n\t", 400, NO_ID, &["Registration ID : NULL"]),
        case("null", "null", 400, NO_ID, &["Registration ID : NULL"]),
        case("an empty object", "{}", 400, NO_ID, &["Registration ID : NULL"]),
        case("no context", r#"{"linkedHubs":["h1"]}"#, 400, NO_ID, &["Registration ID : NULL"]),
        case(
            "a null context",
            r#"{"deviceRuntimeContext":null,"linkedHubs":["h1"]}"#,
            400,
            NO_ID,
            &["Registration ID : NULL"],
        ),
        case("an empty context", r#"{"deviceRuntimeContext":{}}"#, 400, NO_ID, &["Registration ID : NULL"]),
        case("a null id", id("null"), 400, NO_ID, &["Registration ID : NULL"]),
        case(
            "an id in another casing",
            r#"{"deviceRuntimeContext":{"RegistrationId":"contoso-toaster"},"linkedHubs":["h1"]}"#,
            400,
            NO_ID,
            &["Registration ID : NULL"],
        ),
        case("no id, hubs of the wrong type", r#"{"linkedHubs":5}"#, 400, NO_ID, &["Registration ID : NULL"]),
        // Scalars stand for strings, as they do to the sample.
        case("a number for an id", id("7"), 400, UNKNOWN, &["Unknown device registration"]),
        case("a truth value for an id", id("true"), 400, UNKNOWN, &["Unknown device registration"]),
        case(
            "a date for an id",
            id("\"2020-09-23T11:44:41Z\""),
            400,
            UNKNOWN,
            &["Unknown device registration"],
        ),
        case(
            "scalars for hubs",
            toaster(r#","linkedHubs":[1,true,-2,1.5]"#),
            200,
            r#"{"iotHubHostName":"1"}"#,
            &["linkedHub : 1", "linkedHub : True", "linkedHub : -2", "linkedHub : 1.5", "Selected hub : 1"],
        ),
        // Of two equal names the last counts.
        case(
            "two ids",
            r#"{"deviceRuntimeContext":{"registrationId":"x","registrationId":"contoso-toaster"},"linkedHubs":["h1","h2"]}"#,
            200,
            ASSIGNED,
            SELECTED,
        ),
        case(
            "two contexts",
            r#"{"deviceRuntimeContext":5,"deviceRuntimeContext":{"registrationId":"contoso-toaster"},"linkedHubs":["h1","h2"]}"#,
            200,
            ASSIGNED,
            SELECTED,
        ),
        case(
            "two lists of hubs",
            toaster(r#","linkedHubs":["h0"],"linkedHubs":["h1","h2"]"#),
            200,
            ASSIGNED,
            SELECTED,
        ),
        case(
            "the last one null",
            toaster(r#","linkedHubs":["h0"],"linkedHubs":null"#),
            400,
            NO_HUBS,
            &["linkedHubs : NULL"],
        ),
        // What the policy does not read cannot stop it.
        case(
            "an enrollment that is none",
            toaster(r#","enrollmentGroup":5,"linkedHubs":["h1","h2"]"#),
            200,
            ASSIGNED,
            SELECTED,
        ),
        case(
            "unknown members",
            toaster(r#","x":{"y":[null]},"linkedHubs":["h1","h2"]"#),
            200,
            ASSIGNED,
            SELECTED,
        ),
        case(
            "lone surrogates elsewhere",
            toaster(r#","x":"\ud800","linkedHubs":["h1","h2"]"#),
            200,
            ASSIGNED,
            SELECTED,
        ),
        case(
            "escapes in names and values",
            r#"{"device\u0052untimeContext":{"registrationId":"contoso\u002dtoaster"},"linkedHubs":["h1","h2"]}"#,
            200,
            ASSIGNED,
            SELECTED,
        ),
        case("a byte-order mark", format!("\u{feff}{}", toaster(HUBS)), 200, ASSIGNED, SELECTED),
        case("a byte-order mark alone", "\u{feff}", 400, NO_ID, &["Registration ID : NULL"]),
        case("white space around", format!("\r\n {} \t", toaster(HUBS)), 200, ASSIGNED, SELECTED),
        // Where the sample throws.
        case(
            "invalid JSON",
            "hello",
            400,
            "The request body is invalid JSON: expected value at line 1 column 1. Expected an allocation request: one JSON object, as DPS sends it.",
            &[],
        ),
        case(
            "JSON cut off",
            r#"{"deviceRuntimeContext":{"#,
            400,
            "The request body is invalid JSON: EOF while parsing an object at line 1 column 25. Expected an allocation request: one JSON object, as DPS sends it.",
            &[],
        ),
        case(
            "a comma too many",
            r#"{"a":1,}"#,
            400,
            "The request body is invalid JSON: trailing comma at line 1 column 8. Expected an allocation request: one JSON object, as DPS sends it.",
            &[],
        ),
        case(
            "text after the JSON",
            "{} {}",
            400,
            "The request body has text after its JSON, at line 1 column 4. Expected an allocation request: one JSON object, as DPS sends it.",
            &[],
        ),
        case(
            "an array",
            "[{}]",
            400,
            "The request body has the wrong type: expected an object, found an array. Expected an allocation request: one JSON object, as DPS sends it.",
            &[],
        ),
        case(
            "a string",
            "\"x\"",
            400,
            "The request body has the wrong type: expected an object, found \"x\". Expected an allocation request: one JSON object, as DPS sends it.",
            &[],
        ),
        case(
            "a number",
            "5",
            400,
            "The request body has the wrong type: expected an object, found 5. Expected an allocation request: one JSON object, as DPS sends it.",
            &[],
        ),
        case(
            "a context that is no object",
            r#"{"deviceRuntimeContext":[]}"#,
            400,
            "The request body has the wrong type at deviceRuntimeContext: expected an object, found an array.",
            &[],
        ),
        case(
            "an id that is an object",
            id("{}"),
            400,
            "The request body has the wrong type at deviceRuntimeContext.registrationId: expected a string, found an object.",
            &[],
        ),
        case(
            "an id that is an array",
            id("[1]"),
            400,
            "The request body has the wrong type at deviceRuntimeContext.registrationId: expected a string, found an array.",
            &[],
        ),
        case(
            "hubs that are a string",
            toaster(r#","linkedHubs":"h1""#),
            400,
            "The request body has the wrong type at linkedHubs: expected an array, found \"h1\".",
            &[],
        ),
        case(
            "hubs that are an object",
            toaster(r#","linkedHubs":{}"#),
            400,
            "The request body has the wrong type at linkedHubs: expected an array, found an object.",
            &[],
        ),
        case(
            "a hub that is null",
            toaster(r#","linkedHubs":["h1",null]"#),
            400,
            "The request body has the wrong type at linkedHubs[1]: expected a string, found null.",
            &[],
        ),
        case(
            "a hub that is an array",
            toaster(r#","linkedHubs":[["h1"]]"#),
            400,
            "The request body has the wrong type at linkedHubs[0]: expected a string, found an array.",
            &[],
        ),
        case(
            "half a surrogate pair in the id",
            id("\"contoso-toaster\\ud800\""),
            400,
            "The request body cannot be read at deviceRuntimeContext.registrationId: unexpected end of hex escape.",
            &[],
        ),
        case(
            "a hub beyond all numbers",
            toaster(r#","linkedHubs":["h1",1e999]"#),
            400,
            "The request body cannot be read at linkedHubs[1]: number out of range.",
            &[],
        ),
        // Members that nobody reads may be nested to any depth.
        case(
            "100,000 levels in a member that is not read",
            toaster(&format!(
                r#","x":{}{},"linkedHubs":["h1","h2"]"#,
                "[".repeat(100_000),
                "]".repeat(100_000)
            )),
            200,
            ASSIGNED,
            SELECTED,
        ),
        case(
            "100,000 levels in the payload",
            format!(
                r#"{{"deviceRuntimeContext":{{"registrationId":"contoso-toaster","payload":{}{}}},"linkedHubs":["h1","h2"]}}"#,
                r#"{"a":"#.repeat(100_000),
                format_args!("1{}", "}".repeat(100_000))
            ),
            200,
            ASSIGNED,
            SELECTED,
        ),
        case(
            "100,000 levels of nothing",
            "[".repeat(100_000),
            400,
            "The request body has the wrong type: expected an object, found an array. Expected an allocation request: one JSON object, as DPS sends it.",
            &[],
        ),
        case(
            "a hub of 100,000 levels",
            toaster(&format!(r#","linkedHubs":[{}{}]"#, "[".repeat(100_000), "]".repeat(100_000))),
            400,
            "The request body has the wrong type at linkedHubs[0]: expected a string, found an array.",
            &[],
        ),
    ]
}

#[test]
fn every_body_has_its_answer_and_its_log() {
    for Case { what, body, status, answer, notes } in cases() {
        let run = decision::run(Toasters, &body);
        assert_eq!((run.answer.status, run.answer.body.as_str()), (status, answer), "{what}: {body:.200}");
        let content_type =
            if status == 200 { "application/json; charset=utf-8" } else { "text/plain; charset=utf-8" };
        assert_eq!(run.answer.content_type, content_type, "{what}");
        let mut log = vec![PROCESSED, "Request.Body:...", &body];
        log.extend(notes);
        log.extend(["\nResponse", answer]);
        assert_eq!(run.log(Some(body.as_str())).collect::<Vec<_>>(), log, "{what}");
    }
}

#[test]
fn the_same_request_has_the_same_answer() {
    for body in [TOASTER, HEAT_PUMP] {
        let [first, second] = [(), ()].map(|()| decision::run(Toasters, body));
        assert!(first.log(Some(body)).eq(second.log(Some(body))));
        assert_eq!(first.answer, second.answer);
    }
}

/// The policy and the types it is written with know nothing of the world.
#[test]
fn the_allocation_is_pure() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut files = Vec::new();
    let mut folders: Vec<_> =
        ["allocation", "certificate", "webhook"].map(|folder| Path::new(source).join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for world in [
            "warp",
            "tokio",
            "log::",
            "std::env",
            "std::fs",
            "std::net",
            "::now()",
            "std::io",
            "thread_local",
            "LazyLock",
            "Mutex",
            "static mut",
            "async ",
            "println",
        ] {
            let mut lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
            let used = lines.find(|line| line.contains(world));
            assert_eq!(used, None, "{} uses {world}", file.display());
        }
    }
}
