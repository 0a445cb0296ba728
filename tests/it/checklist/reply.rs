use super::{ASSIGNED, panicking};
use crate::envelope::{self, HEAT_PUMP, HOST_HEADERS, PROCESSED, Reply, TOASTER};
use crate::http::{self};
use crate::process::Handler;
use crate::server::Server;
use serde_json::{Value, json};

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

/// The replies to a toaster, a heat pump, no body, a body of invalid JSON, and an invalid envelope.
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
        let expected = match res["statusCode"].as_u64() {
            Some(200) => "application/json; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        };
        assert_eq!(res["headers"]["Content-Type"], expected, "{reply}");
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
    for (broken, expected) in [
        (json!({ "Data": { "req": { "Headers": SECRET } } }), "an object of headers"),
        (json!({ "Data": { "req": SECRET } }), "an object"),
        (json!({ "Data": SECRET }), "an object"),
        (json!(SECRET), "an object"),
    ] {
        let reply = envelope::call(handler.address, &broken);
        let sentence = format!("The invocation cannot be read: expected {expected} at line 1 column ");
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
