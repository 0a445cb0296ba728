//! Each test holds one thing that the Functions host needs of a custom handler, read from the host's
//! source, <https://github.com/Azure/azure-functions-host> (`src/WebJobs.Script/Workers`), and from
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps_custom_allocation::allocation::{Notes, Refusal, allocate};
use dps_custom_allocation::connections;
use dps_custom_allocation::webhook::{AllocationRequest, AllocationResponse};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::envelope::{self, HEAT_PUMP, HOST_HEADERS, HUB, PROCESSED, Reply, TOASTER};
use crate::http::{self, DEADLINE};
use crate::process::{self, Handler, UNDER_HOST};
use crate::server::Server;

const ASSIGNED: &str = r#"{"iotHubHostName":"contoso-toasters-hub-1098.azure-devices.net"}"#;

/// A port that was free a moment ago, and that the system gives to nobody who asks for any.
fn free_port() -> u16 {
    let first = 20_000 + std::process::id() as u16 % 10_000;
    let mut ports = (first..32_000).filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    ports.next().expect("a port is free")
}

#[test]
fn point_01_listens_on_ipv4_loopback_at_the_port_it_is_given() {
    let port = free_port();
    let handler = Handler::start_with(&[("FUNCTIONS_CUSTOMHANDLER_PORT", &port.to_string())]);
    assert_eq!(handler.address, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    assert_eq!(http::get(handler.address, "/").status, 200);
    let elsewhere = TcpStream::connect(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    assert!(elsewhere.is_err(), "nobody but this machine's IPv4 loopback is served");
}

#[test]
fn point_02_says_in_one_line_why_a_port_cannot_be_used() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let cases = [
        ("http", 64, "Error: FUNCTIONS_CUSTOMHANDLER_PORT is \"http\", and a number from 0 to 65535 is wanted (or no such variable, for 3000).\n".to_owned()),
        ("", 64, "Error: FUNCTIONS_CUSTOMHANDLER_PORT is \"\", and a number from 0 to 65535 is wanted (or no such variable, for 3000).\n".to_owned()),
        ("65536", 64, "Error: FUNCTIONS_CUSTOMHANDLER_PORT is \"65536\", and a number from 0 to 65535 is wanted (or no such variable, for 3000).\n".to_owned()),
        ("-1", 64, "Error: FUNCTIONS_CUSTOMHANDLER_PORT is \"-1\", and a number from 0 to 65535 is wanted (or no such variable, for 3000).\n".to_owned()),
        (&taken, 1, format!("Error: Cannot listen on 127.0.0.1:{taken}: Address already in use (os error 98).\n")),
    ];
    for (port, code, line) in cases {
        let ended = process::run(process::command(UNDER_HOST).env("FUNCTIONS_CUSTOMHANDLER_PORT", port));
        assert_eq!(ended.status.code(), Some(code), "{port:?}: {ended:?}");
        assert_eq!((ended.stdout.as_str(), ended.stderr), ("", line), "{port:?}");
    }
}

#[test]
fn point_03_answers_get_root_at_once_and_logs_nothing() {
    let handler = Handler::start_with(&[("RUST_LOG", "trace")]);
    for _ in 0..10 {
        let response = http::get(handler.address, "/");
        assert_eq!((response.status, response.body.as_str()), (200, "HttpTrigger1 is ready."));
    }
    let ended = handler.stop();
    let ours = ended.stdout.lines().filter(|line| line.contains("[Information]")).count();
    assert_eq!(ours, 2, "one line for the start, one for the stop: {ended:?}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn point_04_routes_by_exact_path_and_tolerates_others() {
    let handler = Handler::start();
    let post = |path| http::post(handler.address, path, &[], envelope::of(TOASTER).to_string());
    assert_eq!(Reply::of(&post("/HttpTrigger1")).status, 200);
    assert_eq!(
        http::post(handler.address, "/api/HttpTrigger1/", &[], TOASTER).status,
        200,
        "as ASP.NET's routes"
    );
    for path in ["/httptrigger1", "/HttpTrigger2", "/HttpTrigger1/x", "/x", "/api", "/api/HttpTrigger1/x"] {
        let response = post(path);
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(
            response.body,
            "There is nothing here. Allocation requests are wanted at POST /api/HttpTrigger1."
        );
    }
    for (path, allowed) in [("/HttpTrigger1", "POST"), ("/api/httpTRIGGER1", "POST")] {
        let response = http::get(handler.address, path);
        assert_eq!((response.status, response.header("allow")), (405, Some(allowed)), "{path}");
        assert_eq!(response.body, "POST is wanted here.");
    }
    assert_eq!((post("/").status, post("/").header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn point_05_takes_bodies_with_a_length_and_in_chunks() {
    let handler = Handler::start();
    let body = envelope::of(TOASTER).to_string();
    let with_length = Reply::of(&http::post(handler.address, "/HttpTrigger1", &[], &body));
    for size in [1, 7, 1000, 1_000_000] {
        assert_eq!(
            Reply::of(&http::post_chunked(handler.address, "/HttpTrigger1", &body, size)),
            with_length
        );
    }
    assert_eq!(with_length.body, ASSIGNED);
}

#[test]
fn point_06_needs_no_header() {
    let handler = Handler::start();
    let body = envelope::of(TOASTER).to_string();
    for headers in
        [&[][..], &[("content-type", "application/json; charset=utf-8")], &[("content-type", "text/plain")]]
    {
        assert_eq!(Reply::of(&http::post(handler.address, "/HttpTrigger1", headers, &body)).body, ASSIGNED);
    }
}

#[test]
fn point_07_the_limit_counts_the_callers_body_and_is_a_setting() {
    fn padded(length: usize) -> String {
        format!("{TOASTER}{}", " ".repeat(length - TOASTER.len()))
    }
    let message = |limit: usize| format!("The request body is too large: at most {limit} bytes are wanted.");
    for (setting, limit) in [(None, 1024 * 1024), (Some("1000"), 1000)] {
        let settings: Vec<_> = setting.map(|limit| ("ALLOCATION_BODY_LIMIT", limit)).into_iter().collect();
        let handler = Handler::start_with(&settings);
        for (length, status) in [(limit, 200), (limit + 1, 413), (limit * 20, 413)] {
            let reply = envelope::call(handler.address, &envelope::of(&padded(length)));
            assert_eq!(reply.status, status, "{length} of {limit}: {:?}", reply.body);
            let raw = http::post(handler.address, "/api/HttpTrigger1", &[], padded(length));
            assert_eq!(u64::from(raw.status), status, "{length} of {limit}: {raw:?}");
            if status == 413 {
                assert_eq!(reply.body, message(limit));
                assert_eq!(reply.log, [PROCESSED, "\nResponse", &message(limit)]);
                assert_eq!(raw.body, message(limit));
            }
        }
    }
    // A body that the host encoded is measured as its sender sent it.
    let handler = Handler::start_with(&[("ALLOCATION_BODY_LIMIT", "1000")]);
    for (length, status) in [(1000, 400), (1001, 413)] {
        let mut envelope = envelope::of(&STANDARD.encode(vec![0xFF; length]));
        envelope["Data"]["req"]["Headers"] = json!({ "Content-Type": ["application/octet-stream"] });
        assert_eq!(envelope::call(handler.address, &envelope).status, status, "{length}");
    }
    // What the host makes of a body may be six times as long, and is still the same body.
    let handler = Handler::start_with(&[("ALLOCATION_BODY_LIMIT", "300000")]);
    let escaped = format!("{{\"x\":\"{}\"}}", "\\u0001".repeat(49_000));
    assert_eq!(
        envelope::call(handler.address, &envelope::of(&escaped)).status,
        400,
        "read, and no device in it"
    );
}

#[test]
fn point_08_an_absent_body_is_an_empty_one() {
    let handler = Handler::start();
    let mut envelope = envelope::of("");
    let expected = envelope::call(handler.address, &envelope);
    assert_eq!(
        (expected.status, expected.body.as_str()),
        (400, "Registration ID not provided for the device.")
    );
    envelope["Data"]["req"]["Body"] = Value::Null;
    assert_eq!(envelope::call(handler.address, &envelope), expected);
    envelope["Data"]["req"].as_object_mut().unwrap().remove("Body");
    assert_eq!(envelope::call(handler.address, &envelope), expected);
}

#[test]
fn point_09_a_body_that_is_no_json_is_the_callers_400() {
    let handler = Handler::start();
    let reply = envelope::call(handler.address, &envelope::of("<xml/>"));
    assert_eq!(reply.status, 400);
    assert_eq!(reply.log[2], "<xml/>", "the log shows what was sent");
    assert_eq!(
        reply.body,
        "The request body is not JSON: expected value at line 1 column 1. \
         An allocation request was wanted: one JSON object, as DPS sends it."
    );
}

#[test]
fn point_10_is_lenient_about_the_rest_of_the_envelope() {
    let handler = Handler::start();
    let body = |body: &Value| http::post(handler.address, "/HttpTrigger1", &[], body.to_string());
    let mut with_text = envelope::of(TOASTER);
    with_text["Data"]["req"]["Query"] = json!("{}");
    with_text["Data"]["req"]["Identities"] = json!("[]");
    with_text["Data"]["req"]["Params"] = json!({ "id": null });
    with_text["Data"]["other"] = json!([1]);
    with_text["Newer"] = json!({ "a": [{}] });
    for envelope in [
        with_text,
        json!({ "Data": { "req": { "Body": TOASTER } } }),
        json!({ "Metadata": null, "Data": { "req": { "Headers": null, "Body": TOASTER } } }),
        json!({ "Data": { "req": { "Headers": { "Content-Type": null, "A": [1], "B": {} }, "Body": TOASTER } } }),
    ] {
        assert_eq!(Reply::of(&body(&envelope)).body, ASSIGNED, "{envelope}");
    }
    for envelope in [
        json!({}),
        json!([]),
        json!(null),
        json!({ "Data": {} }),
        json!({ "Data": { "req": { "Body": 5 } } }),
    ] {
        let reply = Reply::of(&body(&envelope));
        assert_eq!(reply.status, 400, "{envelope}");
        assert!(reply.body.starts_with("The invocation cannot be read: "), "{reply:?}");
        assert!(
            reply.body.ends_with(
                r#"JSON was wanted as the Functions host sends it: {"Data":{"req":{"Body":"…"}}}."#
            )
        );
    }
}

#[test]
fn point_11_finds_the_content_type_in_any_casing_and_decodes_binary_bodies() {
    let handler = Handler::start();
    let mut envelope = envelope::of(&STANDARD.encode(TOASTER));
    for name in ["Content-Type", "content-type", "CONTENT-TYPE"] {
        for value in
            ["application/octet-stream", "Application/Octet-Stream; x=y", "multipart/form-data; boundary=b"]
        {
            for value in [json!([value]), json!(value), json!(["text/plain", value])] {
                envelope["Data"]["req"]["Headers"] = json!({ name: value });
                let reply = envelope::call(handler.address, &envelope);
                assert_eq!(reply.body, ASSIGNED, "{envelope}");
                assert_eq!(reply.log[2], TOASTER, "the log shows the body, not its base64");
            }
        }
    }
    envelope["Data"]["req"]["Body"] = json!(TOASTER);
    assert_eq!(
        envelope::call(handler.address, &envelope).body,
        ASSIGNED,
        "what is no base64 was not encoded"
    );
    envelope["Metadata"] = json!({ "Headers": { "Content-Type": "application/octet-stream" } });
    envelope["Data"]["req"]["Headers"] = json!({});
    assert_eq!(envelope::call(handler.address, &envelope).body, ASSIGNED, "Metadata does not matter");
}

fn panicking<'a>(
    request: &AllocationRequest<'a>,
    notes: &mut Notes,
) -> Result<AllocationResponse<'a>, Refusal> {
    notes.add("noted before");
    match request.device_runtime_context.registration_id()?.as_deref() {
        Some("contoso-toaster-007") => panic!("the toaster is on fire"),
        _ => allocate(request, notes),
    }
}

#[test]
fn point_12_a_panic_is_a_500_inside_a_200() {
    let server = Server::with(panicking);
    let reply = envelope::call(server.address, &envelope::of(TOASTER));
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (500, "The allocation policy failed; the function's log says how.")
    );
    assert_eq!(
        reply.log,
        [
            PROCESSED,
            "Request.Body:...",
            TOASTER,
            "noted before",
            "The allocation policy panicked: the toaster is on fire",
            "\nResponse",
            "The allocation policy failed; the function's log says how."
        ]
    );
    let raw = http::post(server.address, "/api/HttpTrigger1", &[], TOASTER);
    assert_eq!(
        (raw.status, raw.body.as_str()),
        (500, "The allocation policy failed; the function's log says how.")
    );
}

#[test]
fn point_13_no_reply_is_empty_null_or_anything_but_200() {
    let handler = Handler::start();
    // `Reply::of` fails on every one of these faults.
    for body in
        ["", "null", "{", "[]", "{}", "{\"Data\":null}", "\u{0}", &envelope::of(HEAT_PUMP).to_string()]
    {
        let reply = Reply::of(&http::post(handler.address, "/HttpTrigger1", &[], body));
        assert_eq!(reply.status, 400, "{body}");
    }
}

/// The replies to a toaster, a heat pump, no body, a body that is no JSON, and an envelope that is none.
fn replies() -> Vec<Value> {
    let handler = Handler::start();
    let envelopes = [TOASTER, HEAT_PUMP, "", "<xml/>"].map(|body| envelope::of(body).to_string());
    let bodies = envelopes.iter().map(String::as_str).chain(["no envelope"]);
    let reply = |body| http::post(handler.address, "/HttpTrigger1", HOST_HEADERS, body).body;
    bodies.map(|body| serde_json::from_str(&reply(body)).expect("a reply is JSON")).collect()
}

#[test]
fn point_14_outputs_res_is_always_an_object() {
    for reply in replies() {
        assert!(reply["Outputs"]["res"].is_object(), "{reply}");
    }
}

#[test]
fn point_15_status_code_is_a_whole_number_and_status_is_never_written() {
    for (reply, status) in replies().iter().zip([200, 400, 400, 400, 400]) {
        assert_eq!(reply["Outputs"]["res"]["statusCode"], json!(status), "{reply}");
        assert_eq!(reply["Outputs"]["res"].get("status"), None, "the host ignores it: {reply}");
    }
}

#[test]
fn point_16_body_is_a_text_and_json_in_it_is_compact() {
    let replies = replies();
    for reply in &replies {
        assert!(reply["Outputs"]["res"]["body"].is_string(), "{reply}");
    }
    assert_eq!(replies[0]["Outputs"]["res"]["body"], ASSIGNED);
}

#[test]
fn point_17_headers_are_texts_and_say_the_content_type() {
    for reply in replies() {
        let headers = reply["Outputs"]["res"]["headers"].as_object().expect("an object");
        assert!(headers.values().all(Value::is_string) && headers.contains_key("Content-Type"), "{reply}");
    }
}

#[test]
fn point_18_success_is_json_and_everything_else_is_text() {
    for reply in replies() {
        let res = &reply["Outputs"]["res"];
        let wanted = match res["statusCode"].as_u64() {
            Some(200) => "application/json; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        };
        assert_eq!(res["headers"]["Content-Type"], wanted, "{reply}");
    }
}

#[test]
fn point_19_logs_are_texts_and_return_value_is_null() {
    for reply in replies() {
        let log = reply["Logs"].as_array().expect("an array");
        assert!(!log.is_empty() && log.iter().all(Value::is_string), "{reply}");
        assert_eq!(reply.get("ReturnValue"), Some(&Value::Null), "{reply}");
    }
}

#[test]
fn points_14_to_19_the_reply_is_exactly_this() {
    let handler = Handler::start();
    let reply =
        |body: &str| http::post(handler.address, "/HttpTrigger1", &[], envelope::of(body).to_string()).body;
    assert_eq!(
        reply(r#"{"deviceRuntimeContext":{"registrationId":"contoso-toaster"},"linkedHubs":["h1"]}"#),
        concat!(
            r#"{"Outputs":{"res":{"statusCode":200,"headers":{"Content-Type":"application/json; charset=utf-8"},"#,
            r#""body":"{\"iotHubHostName\":\"h1\"}"}},"Logs":["Rust HTTP trigger function processed a request.","#,
            r#""Request.Body:...","{\"deviceRuntimeContext\":{\"registrationId\":\"contoso-toaster\"},\"linkedHubs\":[\"h1\"]}","#,
            r#""linkedHub : h1","Selected hub : h1","\nResponse","{\"iotHubHostName\":\"h1\"}"],"ReturnValue":null}"#,
        )
    );
    assert_eq!(
        reply("{}"),
        concat!(
            r#"{"Outputs":{"res":{"statusCode":400,"headers":{"Content-Type":"text/plain; charset=utf-8"},"#,
            r#""body":"Registration ID not provided for the device."}},"Logs":["Rust HTTP trigger function processed a request.","#,
            r#""Request.Body:...","{}","Registration ID : NULL","\nResponse","Registration ID not provided for the device."],"ReturnValue":null}"#,
        )
    );
}

#[test]
fn point_20_log_entries_survive_whatever_is_in_them() {
    let handler = Handler::start();
    let id = "{0} {x} \\ \" ' \u{0} \u{7} \r\n\t \u{2028} ä 語 \u{1f600} %s contoso-toaster";
    let body = json!({ "deviceRuntimeContext": { "registrationId": id }, "linkedHubs": [id] }).to_string();
    let reply = envelope::call(handler.address, &envelope::of(&body));
    assert_eq!(reply.log[2], body);
    assert_eq!(reply.log[3], format!("linkedHub : {id}"));
    assert_eq!(reply.log[5], "\nResponse");
    assert_eq!(reply.body, json!({ "iotHubHostName": id }).to_string());
}

#[test]
fn point_21_no_key_and_no_query_in_any_log() {
    const SECRET: &str = "not-a-real-function-key";
    let handler = Handler::start_with(&[("RUST_LOG", "trace"), ("SOME_CONNECTION_STRING", SECRET)]);
    let mut envelope = envelope::of(TOASTER);
    envelope["Data"]["req"]["Url"] = json!(format!("http://localhost:7071/api/HttpTrigger1?code={SECRET}"));
    envelope["Data"]["req"]["Query"] = json!({ "code": SECRET });
    envelope["Data"]["req"]["Headers"]["x-functions-key"] = json!([SECRET]);
    envelope["Metadata"]["Query"] = json!({ "code": SECRET });
    let reply =
        http::post(handler.address, "/HttpTrigger1", &[("x-functions-key", SECRET)], envelope.to_string());
    assert!(!reply.body.contains(SECRET), "{}", reply.body);
    let broken = envelope.to_string().replace("\"Body\":\"", "\"Body\":5,\"x\":\"");
    assert!(!http::post(handler.address, "/HttpTrigger1", &[], broken).body.contains(SECRET));
    // Not in the shape that the host sends, and still nothing that a log may show.
    for (broken, wanted) in [
        (json!({ "Data": { "req": { "Headers": SECRET } } }), "an object of headers"),
        (json!({ "Data": { "req": SECRET } }), "an object"),
        (json!({ "Data": SECRET }), "an object"),
        (json!(SECRET), "an object"),
    ] {
        let reply = envelope::call(handler.address, &broken);
        let sentence = format!("The invocation cannot be read: expected {wanted} at line 1 column ");
        assert!(reply.body.starts_with(&sentence) && !reply.body.contains(SECRET), "{reply:?}");
        assert_eq!(reply.log, [PROCESSED, "\nResponse", &reply.body]);
    }
    let path = format!("/api/HttpTrigger1?code={SECRET}");
    for path in [path.as_str(), &format!("/nowhere?code={SECRET}")] {
        let response = http::post(
            handler.address,
            path,
            &[("x-functions-key", SECRET), ("authorization", SECRET)],
            TOASTER,
        );
        assert!(!response.body.contains(SECRET), "{response:?}");
    }
    let ended = handler.stop();
    assert!(ended.stdout.contains("linkedHub"), "the raw call was logged: {ended:?}");
    assert!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "{ended:?}");
}

#[test]
fn point_22_serves_200_callers_at_once() {
    let handler = Handler::start();
    let bodies = [envelope::of(TOASTER).to_string(), envelope::of(HEAT_PUMP).to_string()];
    // Everybody connects before anybody asks.
    let streams: Vec<_> = (0..200).map(|_| http::connect(handler.address)).collect();
    std::thread::scope(|scope| {
        for (nth, mut stream) in streams.into_iter().enumerate() {
            let (body, status) = (&bodies[nth % 2], [200, 400][nth % 2]);
            scope.spawn(move || {
                use std::io::Write as _;
                for _ in 0..5 {
                    write!(
                        stream,
                        "POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    )
                    .unwrap();
                    assert_eq!(Reply::of(&http::receive(&mut stream).unwrap()).status, status);
                }
            });
        }
    });
}

/// Whether a slow policy was entered, and whether it may go on.
static SLOW: (Mutex<(bool, bool)>, Condvar) = (Mutex::new((false, false)), Condvar::new());

fn slow<'a>(request: &AllocationRequest<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
    let mut state = SLOW.0.lock().unwrap();
    state.0 = true;
    SLOW.1.notify_all();
    let (state, _) = SLOW.1.wait_timeout_while(state, DEADLINE, |state| !state.1).unwrap();
    drop(state);
    allocate(request, notes)
}

#[test]
fn point_22_one_slow_call_does_not_keep_others_from_an_answer() {
    let server = Server::with(slow);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| envelope::call(server.address, &envelope::of(TOASTER)));
        let state = SLOW.0.lock().unwrap();
        drop(SLOW.1.wait_timeout_while(state, DEADLINE, |state| !state.0).unwrap());
        for _ in 0..20 {
            assert_eq!(http::get(server.address, "/").status, 200);
        }
        assert!(!call.is_finished(), "the slow call is still under way");
        SLOW.0.lock().unwrap().1 = true;
        SLOW.1.notify_all();
        assert_eq!(call.join().unwrap().body, ASSIGNED);
    });
}

#[test]
fn point_23_keeps_idle_connections_open() {
    // Too long to wait for: the setting itself, and that a connection serves one call after another.
    const { assert!(connections::IDLE.as_secs() >= 120) };
    let handler = Handler::start();
    let mut stream = http::connect(handler.address);
    let body = envelope::of(TOASTER).to_string();
    for _ in 0..3 {
        use std::io::Write as _;
        write!(stream, "POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let response = http::receive(&mut stream).expect("the connection is still open");
        assert_eq!(response.header("connection"), None);
    }
}

#[test]
fn point_24_a_panic_harms_no_other_request() {
    let server = Server::with(panicking);
    for _ in 0..5 {
        assert_eq!(envelope::call(server.address, &envelope::of(TOASTER)).status, 500);
        assert_eq!(envelope::call(server.address, &envelope::of(HEAT_PUMP)).status, 400);
    }
}

#[test]
fn point_25_ends_well_only_when_it_is_asked_to() {
    let handler = Handler::start();
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).status, 200);
    let ended = handler.stop();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let ended = process::run(process::command(UNDER_HOST).env("FUNCTIONS_CUSTOMHANDLER_PORT", "x"));
    assert!(!matches!(ended.status.code(), None | Some(0 | 200)), "the host would not count it: {ended:?}");
}

#[test]
fn point_26_has_nothing_to_clean_up_when_it_is_killed() {
    let handler = Handler::start();
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).status, 200);
    handler.signal(Signal::SIGKILL);
    let ended = handler.ended();
    assert_eq!((ended.status.signal(), ended.stderr.as_str()), (Some(9), ""));
    assert_eq!(envelope::call(Handler::start().address, &envelope::of(TOASTER)).body, ASSIGNED);
}

#[test]
fn point_27_takes_the_same_port_again_right_after_a_crash() {
    let port = free_port().to_string();
    for _ in 0..3 {
        let handler = Handler::start_with(&[("FUNCTIONS_CUSTOMHANDLER_PORT", &port)]);
        // A connection in use when the process dies leaves the port in a state that forbids binding it
        // plainly.
        let mut stream = http::connect(handler.address);
        use std::io::Write as _;
        write!(stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        assert_eq!(http::receive(&mut stream).unwrap().status, 200);
        handler.signal(Signal::SIGKILL);
        handler.ended();
    }
}

#[test]
fn point_28_what_is_no_error_is_not_on_stderr() {
    let handler = Handler::start_with(UNDER_HOST);
    envelope::call(handler.address, &envelope::of(TOASTER));
    http::post(handler.address, "/api/HttpTrigger1", &[], HEAT_PUMP);
    let ended = handler.stop();
    assert_eq!(ended.stderr, "");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("Listening on http://127.0.0.1:"), "{lines:?}");
    assert_eq!(lines[1..5], [PROCESSED, "Request.Body:...", HEAT_PUMP, "Unknown device registration"]);
    assert_eq!(lines[5..], ["", "Response", "Unrecognized device registration.", "Asked to stop (SIGTERM)."]);
}

#[test]
fn point_29_the_old_name_of_the_port_changes_nothing() {
    let handler = Handler::start_with(&[("FUNCTIONS_HTTPWORKER_PORT", "no port at all")]);
    assert_eq!(http::get(handler.address, "/").status, 200);
}

#[test]
fn point_30_runs_anywhere_and_without_standard_input() {
    let mut command = process::command(UNDER_HOST);
    command.current_dir(Path::new("/")).stdin(Stdio::null());
    let start = Instant::now();
    let handler = Handler::spawn(&mut command);
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).log[3], format!("linkedHub : {HUB}"));
    assert!(start.elapsed() < DEADLINE);
}
