//! What the host makes of the handler's reply for the caller.
//!
//! The rules: <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#response-payload>.

use std::time::{Duration, Instant};

use journal::Level;
use serde_json::{Value, json};

use super::{App, scripted};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const SUCCEEDED: &str = "Information Executed 'Functions.HttpTrigger1' (Succeeded, Id=<id>, Duration=<n>ms)";
const FAILED: &str = "Error Executed 'Functions.HttpTrigger1' (Failed, Id=<id>, Duration=<n>ms)";

/// A script for a reply with this status, content type and body.
fn reply(status: u16, kind: Option<&str>, body: &str) -> String {
    let headers: Value = kind.map(|kind| json!({"Content-Type": kind})).unwrap_or(json!({}));
    json!({"reply": {"status": status, "headers": headers, "body": body}}).to_string()
}

#[tokio::test]
async fn point_12_an_invalid_reply_fails_the_call_and_loses_its_logs() {
    const KIND: Option<&str> = Some("application/json");
    const LOST: &str = r#"{"Outputs":{"res":{"body":"x"}},"Logs":["lost"]}"#;
    let cases = [
        (reply(400, KIND, LOST), "Response status code does not indicate success: 400 (Bad Request)."),
        (
            reply(500, KIND, LOST),
            "Response status code does not indicate success: 500 (Internal Server Error).",
        ),
        (reply(302, KIND, LOST), "Response status code does not indicate success: 302 (Found)."),
        (
            reply(200, Some("text/plain"), LOST),
            "Invalid HttpResponseMessage: No MediaTypeFormatter is available to read an object of type 'HttpScriptInvocationResult' from content with media type 'text/plain'.",
        ),
        (
            reply(200, None, LOST),
            "Invalid HttpResponseMessage: No MediaTypeFormatter is available to read an object of type 'HttpScriptInvocationResult' from content with media type 'application/octet-stream'.",
        ),
        (
            reply(200, KIND, "{\"Logs\":[\"lost\"],}"),
            "Invalid HttpResponseMessage: invalid JSON: trailing comma at line 1 column 18.",
        ),
        (reply(200, KIND, "[]"), "Invalid HttpResponseMessage: expected a JSON object."),
        (
            reply(200, KIND, r#"{"Logs":"lost"}"#),
            "Invalid HttpResponseMessage: Logs: expected an array of strings.",
        ),
        (
            reply(200, KIND, r#"{"Logs":["lost",{}]}"#),
            "Invalid HttpResponseMessage: Logs[1]: expected a string.",
        ),
        (
            reply(200, KIND, r#"{"Logs":["lost"],"Outputs":[]}"#),
            "Invalid HttpResponseMessage: Outputs: expected an object.",
        ),
    ];
    let running = App::new().run().await;
    for (script, reason) in &cases {
        assert_eq!(running.post(script).await.summary(), (500, "-", ""), "{script}");
        let lines = running.log.lines();
        let last = &lines[lines.len() - 3..];
        assert_eq!(last[0], EXECUTING, "{script}");
        assert_eq!(last[1], FAILED, "{script}");
        let expected = format!("Error Exception while executing function: Functions.HttpTrigger1. {reason}");
        assert_eq!(last[2], expected, "{script}");
    }
    let format =
        "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format: ";
    for (res, expected) in [
        (json!(null), "expected an object."),
        (json!("text"), "expected an object."),
        (json!("[1]"), "expected an object."),
        (json!([{}]), "expected an object."),
        (json!({"headers": []}), "headers: expected an object."),
        (json!({"statusCode": {}}), "statusCode: expected a number."),
    ] {
        let answered = running.post_reply(&json!({"Outputs": {"res": res}, "Logs": ["lost"]})).await;
        assert_eq!(answered.summary(), (500, "-", ""), "{res}");
        let last = running.log.lines().pop().unwrap();
        assert!(last.ends_with(&format!("{format}{expected}")), "{res}: {last}");
    }
    assert!(!running.log.text().contains("lost"));
}

#[tokio::test]
async fn point_12_invalid_headers_fail_the_call() {
    let running = App::new().run().await;
    for (headers, expected) in [
        (json!({"X-A": null}), "The header \"X-A\" of the output is invalid: expected a string, found null."),
        (
            json!({"X-A": ["a", "b"]}),
            "The header \"X-A\" of the output is invalid: expected one line of text.",
        ),
        (
            json!({"X A": "a"}),
            "The header \"X A\" of the output is invalid: expected a name of letters, digits and -.",
        ),
        (
            json!({"Content-Length": "7"}),
            "The header \"Content-Length\" of the output is invalid: expected the length of the body in bytes.",
        ),
    ] {
        let answered =
            running.post_reply(&json!({"Outputs": {"res": {"headers": headers, "body": "x"}}})).await;
        assert_eq!(answered.summary(), (500, "-", ""), "{headers}");
        let last = running.log.lines().pop().unwrap();
        assert!(last.ends_with(expected), "{headers}: {last}");
    }
}

#[tokio::test]
async fn point_13_an_empty_or_null_reply_hangs_and_is_named() {
    let limit = Duration::from_millis(300);
    for (script, what) in [
        (reply(200, Some("application/json"), ""), "an empty reply"),
        (reply(204, None, ""), "an empty reply"),
        (reply(200, Some("text/plain"), ""), "an empty reply"),
        (r#"{"reply":{"chunked":true}}"#.to_owned(), "an empty reply"),
        (reply(200, Some("application/json"), " \n"), "a blank reply"),
        (reply(200, Some("application/json"), "null"), "the reply null"),
    ] {
        let running = App::new().run_with(|options| options.hang_limit = limit).await;
        let start = Instant::now();
        assert_eq!(running.post(&script).await.summary(), (500, "-", ""), "{script}");
        assert!(start.elapsed() >= limit, "{script}");
        let call = running.log.call();
        let named = format!(
            "Warning Functions.HttpTrigger1 (Id=<id>): the handler sent {what}, on which the host hangs until functionTimeout (1800s); here for 300ms"
        );
        let expected = [
            EXECUTING,
            &named,
            "Error Timeout value of 00:00:00.300 exceeded by function 'Functions.HttpTrigger1' (Id: '<id>'). Initiating cancellation.",
            FAILED,
        ];
        let call: Vec<&String> =
            call.iter().filter(|line| !line.contains("Worker process started")).collect();
        assert_eq!(call[..4], expected, "{script}");
        // As after every timeout, the handler is killed and started again.
        running.log.wait_for_times(2, Level::Information, "Worker process started and initialized.").await;
    }
}

#[tokio::test]
async fn time_spans_of_host_json_are_read_as_dotnet_reads_them() {
    for (text, expected) in
        [("00:05:00", "300s"), ("1.00:00:30", "86430s"), ("00:00:00.25", "250ms"), ("01:30", "5400s")]
    {
        let app = App::new();
        app.host_json("/functionTimeout", text.into());
        let running = app.run_with(|options| options.hang_limit = Duration::from_millis(1)).await;
        running.post(&reply(204, None, "")).await;
        running.log.wait_for(Level::Warning, &format!("until functionTimeout ({expected});")).await;
    }
}

#[tokio::test]
async fn point_14_status_is_ignored_and_status_code_is_a_number_or_its_text() {
    let running = App::new().run().await;
    for (res, status) in [
        (json!({"statusCode": 400}), 400),
        (json!({"STATUSCODE": "404"}), 404),
        (json!({"statusCode": " 201 "}), 201),
        (json!({"statusCode": "no"}), 200),
        (json!({"statusCode": null}), 200),
        (json!({"status": 400}), 200),
        (json!({"status": 400, "statusCode": 202}), 202),
        (json!({}), 200),
        (json!({"statusCode": 599}), 599),
        (json!({"statusCode": 42}), 500),
        (json!({"statusCode": 101}), 500),
        (json!({"statusCode": 1000}), 500),
    ] {
        let answered = running.post_reply(&json!({"Outputs": {"res": res}})).await;
        assert_eq!(answered.status, status, "{res}");
    }
    let note = "`status` is ignored in a custom handler's output; the member is named `statusCode`";
    running.log.wait_for_times(1, Level::Warning, note).await;
}

#[tokio::test]
async fn point_14_a_status_for_the_caller_is_no_failure() {
    let running = App::new().run().await;
    let answered = running.post_reply(&json!({"Outputs": {"res": {"statusCode": 400, "body": "no"}}})).await;
    assert_eq!(answered.summary(), (400, TEXT, "no"));
    assert_eq!(running.log.call(), [EXECUTING, SUCCEEDED]);
}

#[tokio::test]
async fn point_15_missing_outputs_give_204_and_a_missing_output_an_empty_object() {
    let running = App::new().run().await;
    for (reply, expected) in [
        (json!({}), (204, "-", "")),
        (json!({"Outputs": null}), (204, "-", "")),
        (json!({"Outputs": null, "ReturnValue": "text"}), (200, TEXT, "text")),
        (json!({"Outputs": {}}), (200, TEXT, "{}")),
        (json!({"Outputs": {"Res": {"body": "x"}}}), (200, TEXT, "{}")),
        (json!({"outputs": {"res": {"Body": "x"}}, "ReturnValue": "ignored"}), (200, TEXT, "x")),
        (
            json!({"Outputs": {"res": "{\"statusCode\":202,\"body\":\"in a text\"}"}}),
            (202, TEXT, "in a text"),
        ),
        (json!({"Outputs": {"res": {}}}), (200, TEXT, "")),
        (json!({"Outputs": {"res": {"body": null, "unknown": 1}}, "Unknown": 2}), (200, TEXT, "")),
    ] {
        assert_eq!(running.post_reply(&reply).await.summary(), expected, "{reply}");
    }
    // What follows the first value is not looked at.
    let script =
        self::reply(200, Some("text/json; charset=utf-8"), r#"{"Outputs":{"res":{"body":"x"}}} more"#);
    assert_eq!(running.post(&script).await.summary(), (200, TEXT, "x"));
}

#[tokio::test]
async fn point_15_a_return_binding_takes_the_return_value() {
    let app = App::new();
    let trigger = json!({"type": "httpTrigger", "direction": "in", "name": "req"});
    let output = json!({"type": "http", "direction": "out", "name": "$return"});
    app.write("HttpTrigger1/function.json", &json!({"bindings": [trigger, output]}));
    let running = app.run().await;
    for (reply, expected) in [
        (json!({"ReturnValue": "text"}), (200, TEXT, "text")),
        (json!({"ReturnValue": {"statusCode": 404, "body": "none"}}), (404, TEXT, "none")),
        (json!({"ReturnValue": {"status": 201, "body": null}}), (201, TEXT, "")),
        (json!({"ReturnValue": {"a": 1}}), (200, TEXT, "{\n  \"a\": 1\n}")),
        (json!({"ReturnValue": null}), (204, "-", "")),
    ] {
        assert_eq!(running.post_reply(&reply).await.summary(), expected, "{reply}");
    }
}

#[tokio::test]
async fn point_16_texts_are_verbatim_and_everything_else_is_printed() {
    let running = App::new().run().await;
    for (body, expected) in [
        (json!("{\"iotHubHostName\":\"h\"}"), "{\"iotHubHostName\":\"h\"}"),
        (json!("aGVsbG8="), "aGVsbG8="),
        (json!("grüße {0}\r\n\u{1F600}"), "grüße {0}\r\n\u{1F600}"),
        (
            json!({"a": {"b": [1, "x"]}, "c": []}),
            "{\n  \"a\": {\n    \"b\": [\n      1,\n      \"x\"\n    ]\n  },\n  \"c\": []\n}",
        ),
        (json!([1.0, 1e5]), "[\n  1.0,\n  100000.0\n]"),
        (json!(true), "True"),
        (json!(false), "False"),
        (json!(7), "7"),
        (json!(1e5), "100000.0"),
        (json!(1.5e300), "1.5E+300"),
        (json!(0.00001), "1E-05"),
        (
            json!({"c": "x\"", "d": null, "e": true}),
            "{\n  \"c\": \"x\\\"\",\n  \"d\": null,\n  \"e\": true\n}",
        ),
        (json!("2024-01-02T03:04:05Z"), "01/02/2024 03:04:05"),
        (json!("2024-01-02T03:04:05+02:00"), "01/02/2024 01:04:05"),
        (json!("2024-01-02T03:04:05Z."), "2024-01-02T03:04:05Z."),
        (json!("2024-01-02"), "2024-01-02"),
        (json!(["2024-01-02T03:04:05.600Z"]), "[\n  \"2024-01-02T03:04:05.6Z\"\n]"),
        (json!(["2024-01-02T03:04:00.000"]), "[\n  \"2024-01-02T03:04:00\"\n]"),
        (json!(["2024-01-02T03:04:05-0130"]), "[\n  \"2024-01-02T04:34:05+00:00\"\n]"),
    ] {
        let answered = running.post_reply(&json!({"Outputs": {"res": {"body": body}}})).await;
        assert_eq!(answered.summary(), (200, TEXT, expected), "{body}");
    }
}

#[tokio::test]
async fn point_17_a_charset_is_appended_and_text_is_the_default() {
    let running = App::new().run().await;
    for (headers, expected) in [
        (json!({}), TEXT),
        (json!({"Content-Type": "application/json"}), JSON),
        (json!({"content-TYPE": "application/json; charset=utf-8"}), JSON),
        (json!({"Content-Type": "application/json;charset=UTF-8"}), "application/json;charset=UTF-8"),
        (json!({"Content-Type": "text/html; x=y"}), "text/html; x=y; charset=utf-8"),
        (json!({"Content-Type": "nonsense"}), TEXT),
    ] {
        let answered =
            running.post_reply(&json!({"Outputs": {"res": {"headers": headers, "body": "x"}}})).await;
        assert_eq!(answered.summary(), (200, expected, "x"), "{headers}");
    }
    let headers = json!({"X-One": "1", "x-one": "2", "Retry-After": 5, "Set-Cookie": "a=b"});
    let answered = running.post_reply(&json!({"Outputs": {"res": {"headers": headers}}})).await;
    for (name, value) in [("x-one", "1"), ("retry-after", "5"), ("set-cookie", "a=b"), ("server", "Kestrel")]
    {
        assert_eq!(answered.headers.get(name).map(String::as_str), Some(value), "{answered:?}");
    }
}

#[tokio::test]
async fn point_18_a_body_is_chunked_and_an_empty_one_has_length_0() {
    let running = App::new().run().await;
    for (res, coding, length) in [
        (json!({"body": "x"}), Some("chunked"), None),
        (json!({"body": ""}), None, Some("0")),
        (json!({"body": "xyz", "headers": {"Content-Length": "3"}}), None, Some("3")),
        (json!({"body": "x", "statusCode": 204}), None, None),
    ] {
        let answered = running.post_reply(&json!({"Outputs": {"res": res}})).await;
        let header = |name: &str| answered.headers.get(name).map(String::as_str);
        assert_eq!((header("transfer-encoding"), header("content-length")), (coding, length), "{res}");
    }
    for failure in [running.post(&reply(500, None, "")).await, running.send("POST", "/api/no", &[], "").await]
    {
        assert_eq!(failure.headers.get("content-length").map(String::as_str), Some("0"), "{failure:?}");
    }
}

#[tokio::test]
async fn point_19_follows_the_handlers_redirects() {
    let running = App::new().run().await;
    let moved =
        |status: u16, location: &str| json!({"reply": {"status": status, "headers": {"Location": location}}});
    for (status, line) in
        [(302, "GET /moved?x=1"), (303, "GET /moved?x=1"), (307, "POST /moved?x=1"), (308, "POST /moved?x=1")]
    {
        let script = moved(status, "/moved?x=1#part").to_string();
        let answered = running.post(&script).await;
        let seen: Value =
            serde_json::from_str(&answered.body).unwrap_or_else(|_| panic!("{status}: {answered:?}"));
        assert_eq!(seen["line"], line, "{status}");
        assert_eq!(seen["body"] != "", status >= 307, "{status}");
    }
    for (location, reason) in [
        (
            "http://example.com/",
            "the handler redirected to \"http://example.com/\", but only redirects to its own paths are followed",
        ),
        (
            "//example.com/",
            "the handler redirected to \"//example.com/\", but only redirects to its own paths are followed",
        ),
        // 307 sends the script again.
        ("/HttpTrigger1", "the handler redirected more than 50 times"),
    ] {
        let answered = running.post(&moved(307, location).to_string()).await;
        assert_eq!(answered.summary(), (500, "-", ""), "{location}");
        let last = running.log.lines().pop().unwrap();
        assert!(last.ends_with(reason), "{location}: {last}");
    }
}

#[tokio::test]
async fn point_20_logs_are_split_at_newlines_and_each_piece_has_its_stamp() {
    let running = App::new().run().await;
    let logs = json!(["one", "\nResponse", "a\nb", "", null, 7, true, "{0} \"quoted\" grüße", "%s"]);
    running.post_reply(&json!({"Outputs": {"res": {}}, "Logs": logs, "ReturnValue": null})).await;
    let expected = ["one", "", "Response", "a", "b", "", "[null]", "7", "true", "{0} \"quoted\" grüße", "%s"];
    let expected = expected.map(|line| format!("Information {line}"));
    let call = running.log.call();
    assert_eq!(call[1..call.len() - 1], expected);
    let text = running.log.text();
    let stamped = |line: &str| line.len() > 24 && line.as_bytes()[10] == b'T' && line[23..].starts_with(" [");
    assert!(text.lines().all(stamped), "{text}");
}

#[tokio::test]
async fn point_21_logs_stand_between_executing_and_executed() {
    let running = App::new().run().await;
    let script = scripted(&json!({"Outputs": {"res": {"body": "x"}}, "Logs": ["one", "two"]}));
    assert_eq!(running.post(&script).await.summary(), (200, TEXT, "x"));
    assert_eq!(running.log.call(), [EXECUTING, "Information one", "Information two", SUCCEEDED]);
}

const EXECUTING: &str = "Information Executing 'Functions.HttpTrigger1' (Reason='This function was programmatically called via the host APIs.', Id=<id>)";
