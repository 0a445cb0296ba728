//! What azure-functions-host 4.1037.0 was seen to do when it was run with the same apps and requests.

use std::fs;

use functions_host::{Executable, Framing, HostOptions};
use journal::Level;
use serde_json::{Value, json};

use super::{App, Running};

const JSON: &str = "Content-Type: application/json";
const TARGET: &str = "/api/HttpTrigger1";

async fn forwarding() -> Running {
    let app = App::new();
    app.host_json("/customHandler/enableForwardingHttpRequest", true.into());
    app.run().await
}

/// What the handler was forwarded, as it echoes it.
async fn forwarded(running: &Running, method: &str, target: &str, headers: &[&str], body: &str) -> Value {
    let answered = running.send(method, target, headers, body).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let envelope: Value = serde_json::from_str(&answered.body).unwrap();
    serde_json::from_str(envelope["Outputs"]["res"]["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn forwarded_replies_keep_the_handlers_content_length() {
    let running = forwarding().await;
    for (chunked, coding, length) in [(false, None, Some("5")), (true, Some("chunked"), None)] {
        let script = json!({"reply": {"body": "hello", "chunked": chunked}});
        let answered = running.post(&script.to_string()).await;
        let header = |name: &str| answered.headers.get(name).map(String::as_str);
        assert_eq!((header("transfer-encoding"), header("content-length")), (coding, length), "{answered:?}");
        assert_eq!(answered.body, "hello");
    }
}

#[tokio::test]
async fn forwarded_requests_without_body_have_length_0_and_no_content_type() {
    let running = forwarding().await;
    for (method, length) in [("POST", json!("0")), ("GET", Value::Null)] {
        let headers = &forwarded(&running, method, TARGET, &[JSON], "").await["headers"];
        assert_eq!(
            (&headers["content-length"], &headers["content-type"]),
            (&length, &Value::Null),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn forwarded_requests_lose_their_content_encoding() {
    let running = forwarding().await;
    let headers = [JSON, "Content-Encoding: br", "Accept-Encoding: br"];
    let headers = &forwarded(&running, "POST", TARGET, &headers, "hello").await["headers"];
    assert_eq!((&headers["content-encoding"], &headers["accept-encoding"]), (&Value::Null, &json!("br")));
}

#[tokio::test]
async fn forwarded_repeated_headers_and_query_members_are_joined() {
    let running = forwarding().await;
    let target = format!("{TARGET}?a=1&b=x+y%26z&A=2&c&&d=%ff");
    let headers = ["X-A: 1", "X-B: 3", "X-A: 2", "Cookie: c=1", "Cookie: d=2"];
    let echo = forwarded(&running, "POST", &target, &headers, "hello").await;
    assert_eq!(echo["line"], format!("POST {TARGET}?a=1,2&b=x%20y%26z&c=&d=%EF%BF%BD"));
    let headers = &echo["headers"];
    assert_eq!((&headers["x-a"], &headers["cookie"]), (&json!("1, 2"), &json!("c=1; d=2")));
}

#[tokio::test]
async fn forwarded_paths_are_decoded_and_methods_upper_cased() {
    let app = App::new();
    app.host_json("/customHandler/enableForwardingHttpRequest", true.into());
    app.function("Any", json!({"route": "any/{*rest}"}));
    let running = app.run().await;
    for (method, target, expected) in [
        ("POST", "/api/%48ttpTrigger1", "POST /api/HttpTrigger1"),
        ("post", TARGET, "POST /api/HttpTrigger1"),
        ("PATCH", "/api/any/a%20b%2fc%7E", "PATCH /api/any/a%20b%2Fc~"),
        ("odd", "/api/any", "odd /api/any"),
    ] {
        assert_eq!(forwarded(&running, method, target, &[], "hello").await["line"], expected);
    }
}

#[tokio::test]
async fn a_forwarded_garbage_content_type_is_a_500() {
    let running = forwarding().await;
    let headers = ["Content-Type: garbage"];
    assert_eq!(running.send("POST", TARGET, &headers, "hello").await.summary(), (500, "-", ""));
    let last = running.log.lines().pop().unwrap();
    assert!(last.contains("expected a Content-Type such as text/plain"), "{last}");
    // Without a body there is no content, nor a type of it.
    forwarded(&running, "POST", TARGET, &headers, "").await;
}

#[tokio::test]
async fn headers_of_more_than_32_kb_are_a_431() {
    let running = App::new().run().await;
    for (length, status) in [(30_000, 200), (33_000, 431), (60_000, 431), (100_000, 431)] {
        let header = format!("X-Long: {}", "x".repeat(length));
        assert_eq!(running.send("POST", TARGET, &[&header], "").await.status, status, "{length}");
    }
    let expected = "431: expected headers of at most 32768 bytes, found 33";
    running.log.wait_for(Level::Warning, expected).await;
}

#[tokio::test]
async fn metadata_leaves_out_the_members_of_a_body_deeper_than_64_levels() {
    let running = App::new().run().await;
    for (levels, is_bound) in [(64, true), (65, false)] {
        let body = format!("{{\"a\":1,\"deep\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        let envelope = running.envelope("POST", TARGET, &[JSON], &body).await;
        assert_eq!(envelope["Metadata"].get("a").is_some(), is_bound, "{levels}");
        assert_eq!(envelope["Data"]["req"]["Body"], body);
    }
}

#[tokio::test]
async fn metadata_takes_single_quoted_json() {
    let running = App::new().run().await;
    let envelope = running.envelope("POST", TARGET, &[JSON], "{'a': 'it', b: 2, /* c */ }").await;
    let metadata = &envelope["Metadata"];
    assert_eq!((&metadata["a"], &metadata["b"]), (&json!("\"it\""), &json!("\"2\"")), "{metadata}");
}

#[tokio::test]
async fn metadata_takes_the_members_of_binary_bodies() {
    let running = App::new().run().await;
    for kind in ["application/octet-stream", "multipart/form-data; boundary=x"] {
        let headers = format!("Content-Type: {kind}");
        let envelope = running.envelope("POST", TARGET, &[&headers], "{\"a\":1}").await;
        assert_eq!(envelope["Metadata"]["a"], "\"1\"", "{kind}");
        assert_eq!(envelope["Data"]["req"]["Body"], "eyJhIjoxfQ==", "{kind}");
    }
}

#[tokio::test]
async fn metadata_leaves_out_members_called_req() {
    let running = App::new().run().await;
    let target = format!("{TARGET}?REQ=1");
    let envelope = running.envelope("POST", &target, &[JSON], r#"{"req":1,"a":2}"#).await;
    let names: Vec<&String> = envelope["Metadata"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["a", "Query", "Headers", "sys"]);
}

#[tokio::test]
async fn the_envelope_has_a_content_length_where_the_core_tools_environment_is_set() {
    for (framing, variable, header) in [
        (HostOptions::new(".").framing, json!("true"), "content-length"),
        (Framing::Chunked, Value::Null, "transfer-encoding"),
    ] {
        let running = App::new().run_with(|options| options.framing = framing).await;
        let echo = running.echo("POST", TARGET, &[], "hello").await;
        assert_eq!(echo["environment"]["FUNCTIONS_CORETOOLS_ENVIRONMENT"], variable, "{framing:?}");
        assert!(echo["headers"][header].is_string(), "{framing:?}: {echo}");
    }
}

/// The bytes of a chunked envelope for a call with `body`, and the number of requests that its connection has carried.
async fn raw(body: &str) -> (String, u64) {
    let app = App::new();
    app.settings(json!({"SCRIPTED_STARTS": "raw"}));
    let running = app.run_with(|options| options.framing = Framing::Chunked).await;
    let answered = running.post(body).await;
    let shown: Value = serde_json::from_str(&answered.body).unwrap();
    (shown["raw"].as_str().unwrap().to_owned(), shown["requests"].as_u64().unwrap())
}

#[tokio::test]
async fn the_envelope_comes_in_chunks_of_0x400_bytes() {
    let (request, _) = raw(&"x".repeat(2_000)).await;
    let (_, mut body) = request.split_once("\r\n\r\n").unwrap();
    let mut sizes = Vec::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        sizes.push(size);
        body = &rest[usize::from_str_radix(size, 16).unwrap() + 2..];
    }
    assert!(sizes.len() > 3, "{sizes:?}");
    let (last, whole) = sizes[..sizes.len() - 1].split_last().unwrap();
    assert!(whole.iter().all(|size| *size == "400"), "{sizes:?}");
    assert_eq!(last.to_uppercase(), *last);
}

#[tokio::test]
async fn the_envelopes_headers_are_in_the_hosts_order() {
    let (request, _) = raw("hello").await;
    let (head, _) = request.split_once("\r\n\r\n").unwrap();
    let names: Vec<_> =
        head.lines().skip(1).map(|line| line.split(':').next().unwrap().to_lowercase()).collect();
    let expected = [
        "host",
        "x-azure-functions-hostversion",
        "x-azure-functions-invocationid",
        "user-agent",
        "content-type",
        "transfer-encoding",
    ];
    assert_eq!(names, expected, "{head}");
}

#[tokio::test]
async fn the_readiness_request_and_the_first_call_share_a_connection() {
    assert_eq!(raw("hello").await.1, 2);
}

#[tokio::test]
async fn an_entry_of_several_lines_is_one_entry_and_an_empty_one_is_kept() {
    let running = App::new().run().await;
    running.post_reply(&json!({"Outputs": {"res": {}}, "Logs": ["\nResponse", "", "a\nb"]})).await;
    let entries = running.log.0.entries();
    let logged: Vec<&str> =
        entries[entries.len() - 4..entries.len() - 1].iter().map(|entry| &*entry.text).collect();
    assert_eq!(logged, ["\nResponse", "", "a\nb"]);
    // The blank line that the tutorial's function logs before `Response`.
    let call = running.log.call();
    assert_eq!(call[1..3], ["Information ", "Information Response"]);
}

#[tokio::test]
async fn a_missing_executable_is_named_and_the_log_says_which_other_runs() {
    // In the current folder, which is not the app's.
    let app = App::new();
    app.host_json("/customHandler/description/defaultExecutablePath", "src/main.rs".into());
    let expected = "host.json: customHandler.description.defaultExecutablePath: expected an executable file, found none at src/main.rs";
    assert_eq!(app.refused().await, expected);

    let app = App::new();
    let build = tempfile::tempdir().unwrap();
    let built = build.path().join("built-handler");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_scripted-handler"), &built).unwrap();
    app.host_json("/customHandler/description/defaultExecutablePath", "built-handler".into());
    let missing = app.path().join("built-handler");
    let executable = Executable::NamedOrIn(build.path().to_owned());
    let running = app.run_with(|options| options.executable = executable).await;
    let expected = format!("the app has no {}; running {}", missing.display(), built.display());
    running.log.wait_for(Level::Warning, &expected).await;

    let app = App::new();
    app.host_json("/customHandler/description", json!({"defaultExecutablePath": "true"}));
    let running = app.start(|_| {}).await;
    running.log.wait_for(Level::Information, "/true, found on PATH").await;
}

#[tokio::test]
async fn an_executable_that_is_not_one_is_refused_at_once() {
    let app = App::new();
    fs::write(app.path().join("text"), "not a program").unwrap();
    app.host_json("/customHandler/description/defaultExecutablePath", "text".into());
    let expected = "Failed to start Worker Channel. Process fileName: text: Permission denied (os error 13) (the host in Azure lets callers wait for two minutes before it ends)";
    assert_eq!(app.refused().await, expected);
}
