use super::ASSIGNED;
use crate::envelope::{self, PROCESSED, Reply, TOASTER};
use crate::http::{self};
use crate::process::Handler;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

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
    let message = |limit: usize| format!("The request body is too large: expected at most {limit} bytes.");
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

/// The host drops a body without a length, and says in the envelope that it was chunked.
#[test]
fn point_08_an_absent_body_that_was_chunked_is_told() {
    const SENTENCE: &str = "The request body was sent chunked, and the Functions host passes no chunked body on to \
                            custom handlers: expected a Content-Length.";
    let handler = Handler::start();
    let mut envelope = envelope::of("");
    envelope["Data"]["req"].as_object_mut().unwrap().remove("Body");
    for (name, value) in [
        ("Transfer-Encoding", json!(["chunked"])),
        ("transfer-encoding", json!("Chunked")),
        ("Transfer-Encoding", json!(["gzip, chunked"])),
    ] {
        envelope["Data"]["req"]["Headers"] = json!({ "Accept": ["*/*"], name: value });
        let reply = envelope::call(handler.address, &envelope);
        assert_eq!((reply.status, reply.body.as_str()), (400, SENTENCE), "{envelope}");
        assert_eq!(reply.content_type, "text/plain; charset=utf-8");
        assert_eq!(reply.log, [PROCESSED, "\nResponse", SENTENCE]);
    }
    // With a body it is like any other, and so is a chunked one that no host stood in front of.
    envelope["Data"]["req"]["Body"] = json!(TOASTER);
    assert_eq!(envelope::call(handler.address, &envelope).body, ASSIGNED);
    let raw = http::post_chunked(handler.address, "/api/HttpTrigger1", TOASTER, 100);
    assert_eq!((raw.status, raw.body.as_str()), (200, ASSIGNED));
}

#[test]
fn point_09_a_body_of_invalid_json_is_the_callers_400() {
    let handler = Handler::start();
    let reply = envelope::call(handler.address, &envelope::of("<xml/>"));
    assert_eq!(reply.status, 400);
    assert_eq!(reply.log[2], "<xml/>", "the log shows what was sent");
    assert_eq!(
        reply.body,
        "The request body is invalid JSON: expected value at line 1 column 1. \
         Expected an allocation request: one JSON object, as DPS sends it."
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
            reply
                .body
                .ends_with(r#"; expected it as the Functions host sends it, {"Data":{"req":{"Body":"…"}}}."#)
        );
    }
}

/// The host copies members of the caller's body into `Metadata` as they are, JSON or not.
#[test]
fn point_10_what_follows_data_does_not_matter() {
    let handler = Handler::start();
    let data = json!({ "req": { "Headers": {}, "Body": "{\"a\":undefined,\"b\":new Date(1)}" } });
    for rest in [r#","Metadata":{"a":undefined,"b":new Date(1)}}"#, "}", "", ",", "} and more", "\u{0}"] {
        let envelope = format!(r#"{{"Newer":1,"Data":{data}{rest}"#);
        let reply = Reply::of(&http::post(handler.address, "/HttpTrigger1", &[], envelope));
        assert_eq!(reply.status, 400, "{rest}");
        assert_eq!(reply.log[2], r#"{"a":undefined,"b":new Date(1)}"#, "{rest}: the log shows what was sent");
        assert_eq!(
            reply.body,
            "The request body is invalid JSON: expected value at line 1 column 6. \
             Expected an allocation request: one JSON object, as DPS sends it."
        );
    }
}

#[test]
fn point_11_the_log_has_the_body_however_the_envelope_writes_it() {
    let handler = Handler::start();
    // The same text, as JSON may write it, and what no text can hold.
    for (json, logged) in [
        (r#""{\"a\":\"\/\u00fc\u0041\ud83d\ude00\t\"}""#, "{\"a\":\"/\u{fc}A\u{1f600}\t\"}"),
        ("\"{\\\"a\\\":\\\"/\u{fc}A\u{1f600}\\t\\\"}\"", "{\"a\":\"/\u{fc}A\u{1f600}\t\"}"),
        (r#""{\"a\":\"\ud800\"}""#, "{\"a\":\"\u{fffd}\"}"),
    ] {
        let envelope = format!(r#"{{"Data":{{"req":{{"Body":{json}}}}}}}"#);
        let reply = Reply::of(&http::post(handler.address, "/HttpTrigger1", &[], envelope));
        assert_eq!(reply.log[2], logged, "{json}");
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
        "what is not base64 was not encoded"
    );
    envelope["Metadata"] = json!({ "Headers": { "Content-Type": "application/octet-stream" } });
    envelope["Data"]["req"]["Headers"] = json!({});
    assert_eq!(envelope::call(handler.address, &envelope).body, ASSIGNED, "Metadata does not matter");
}
