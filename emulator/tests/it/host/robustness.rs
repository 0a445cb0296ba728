//! Callers that are malformed, slow, silent, many, or gone.

use std::time::Duration;

use journal::Level;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{App, DEADLINE, Running, scripted};
use crate::program::open_files;

const SUCCEEDED: &str = "Executed 'Functions.HttpTrigger1' (Succeeded";

async fn is_served(running: &Running) {
    let echo = running.echo("POST", "/api/HttpTrigger1", &[], "hello").await;
    assert_eq!(echo["line"], "POST /HttpTrigger1");
}

#[tokio::test]
async fn malformed_requests_are_refused_with_a_line_each() {
    let running = App::new().run().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1_000));
    for (request, status, error) in [
        ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n", 400, "invalid HTTP method parsed"),
        ("GET / HTTP/9.9\r\n\r\n", 400, "invalid HTTP version parsed"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "invalid HTTP header parsed"),
        (
            "POST /api/HttpTrigger1 HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            400,
            "invalid content-length parsed",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            "invalid content-length parsed",
        ),
        (&long, 414, "URI too long"),
        (&many, 431, "message head is too large"),
    ] {
        let before = running.log.lines().len();
        let answered = running.send_raw(request.as_bytes()).await;
        let shown: String = request.chars().take(80).collect();
        assert_eq!(answered.status, status, "{shown:?}");
        let reason = format!(
            "connection closed: expected HTTP with at most 100 headers of 32768 bytes in all: {error}"
        );
        running.log.wait_for(Level::Warning, &reason).await;
        assert_eq!(running.log.lines().len(), before + 1, "{shown:?}");
    }
    is_served(&running).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failed_call() {
    let running = App::new().run().await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream
        .write_all(b"POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhel")
        .await
        .unwrap();
    drop(stream);
    running.log.wait_for(Level::Error, "the caller's body broke off").await;
    is_served(&running).await;
}

#[tokio::test]
async fn slow_and_silent_callers_delay_nobody() {
    // They are all still there when the answer has to have come.
    let running = App::new().run_with(|options| options.caller_timeout = 2 * DEADLINE).await;
    let _callers = slow_and_silent(&running).await;
    is_served(&running).await;
}

#[tokio::test]
async fn slow_and_silent_callers_are_given_up() {
    let running = App::new().run_with(|options| options.caller_timeout = Duration::from_secs(2)).await;
    for (mut stream, begun) in slow_and_silent(&running).await {
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("the host gives up").unwrap();
        let expected = if begun.ends_with("hel") { "HTTP/1.1 408 " } else { "" };
        assert!(answer.starts_with(expected), "{begun:?}: {answer:?}");
    }
    running.log.wait_for_times(40, Level::Warning, "connection closed: no request within 2s").await;
    running
        .log
        .wait_for_times(20, Level::Error, "the caller's body of 10 bytes did not arrive within 2s")
        .await;
}

/// Callers that send nothing more, each with what it has sent: nothing, half a head, half a body.
async fn slow_and_silent(running: &Running) -> Vec<(TcpStream, &'static str)> {
    let mut callers = Vec::new();
    for begun in [
        "",
        "POST /api/HttpTr",
        "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhel",
    ] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(running.address()).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            callers.push((stream, begun));
        }
    }
    callers
}

#[tokio::test]
async fn a_slow_caller_is_not_taken_for_a_slow_handler() {
    let change = |options: &mut functions_host::HostOptions| {
        options.caller_timeout = Duration::from_secs(5);
        options.function_timeout = Some(Duration::from_secs(3));
    };
    let running = App::new().run_with(change).await;
    let head =
        "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhel";
    assert_eq!(running.send_raw(head.as_bytes()).await.summary(), (408, "-", ""));
    is_served(&running).await;
    let log = running.log.text();
    assert_eq!(log.matches("Worker process started and initialized.").count(), 1, "{log}");
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_end_its_call() {
    let running = App::new().run().await;
    let script = r#"{"sleep_ms": 300}"#;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let head = format!(
        "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{script}",
        script.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    running.log.wait_for(Level::Information, "Executing 'Functions.HttpTrigger1'").await;
    drop(stream);
    running.log.wait_for(Level::Information, SUCCEEDED).await;
}

#[tokio::test]
async fn a_caller_may_close_its_half_of_the_connection() {
    let running = App::new().run().await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream
        .write_all(b"POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let running = App::new().run().await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    for _ in 0..3 {
        stream
            .write_all(b"POST /api/Nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(DEADLINE, stream.read_u8()).await.expect("an answer").unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 404 "), "{answer:?}");
    }
}

#[tokio::test]
async fn many_callers_at_once_are_each_answered_once() {
    // Callers and host share this process's limit, and each connection takes two of it.
    let files = open_files();
    assert!(files >= 6_000, "{files} files may be open at once, and 6,000 are needed: ulimit -Hn");

    let running = App::new().run().await;
    let address = running.address();
    let mut callers = JoinSet::new();
    for number in 0..2_000 {
        callers.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let body = format!("caller {number}");
            let head = format!("POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert_eq!(answer.matches(&format!("caller {number}\\")).count(), 1, "{answer}");
        });
    }
    let all = async {
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
    };
    timeout(DEADLINE, all).await.expect("every caller is answered");
    let log = running.log.lines();
    let succeeded = log.iter().filter(|line| line.contains(SUCCEEDED)).count();
    assert_eq!(succeeded, 2_000);
}

#[tokio::test]
async fn odd_envelopes_reach_the_handler_whole() {
    let running = App::new().run().await;
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    let deep_members = "{'a':".repeat(100_000) + "1" + &"}".repeat(100_000);
    let wide = format!("{{{}}}", (0..5_000).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(","));
    for body in [deep, deep_members, wide, "\"\\ud800\"".to_owned(), "\0\u{1}\u{2028}".to_owned()] {
        let headers = ["Content-Type: application/json"];
        let envelope: Value = running.envelope("POST", "/api/HttpTrigger1", &headers, &body).await;
        assert_eq!(envelope["Data"]["req"]["Body"], body);
    }
}

/// Any JSON, with the names that mean something to the host among its members.
fn any_json() -> impl Strategy<Value = Value> {
    const NAMES: &str = "[a-z]{0,3}|Outputs|res|statusCode|status|headers|body|Logs|ReturnValue|Content-Type";
    const DATES: &str = "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:]{8}(\\.[0-9]{0,9})?(Z|[+-][0-9:]{0,6})?";
    let text = prop_oneof![any::<String>(), DATES].prop_map(Value::from);
    let number = prop_oneof![any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from)];
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let members = prop::collection::vec((NAMES, inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            members.prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

#[test]
fn any_reply_is_answered() {
    let app = App::new();
    let trigger = json!({"type": "httpTrigger", "direction": "in", "name": "req"});
    let output = json!({"type": "http", "direction": "out", "name": "$return"});
    app.write("Return/function.json", &json!({"bindings": [trigger, output]}));
    app.write("None/function.json", &json!({"bindings": [trigger]}));
    let runtime = Runtime::new().unwrap();
    let running = runtime.block_on(app.run());
    let is_answered = |reply: &Value| {
        for target in ["/api/HttpTrigger1", "/api/Return", "/api/None"] {
            let answered = runtime.block_on(running.send("POST", target, &[], &scripted(reply)));
            assert!(answered.status >= 200, "{target} {reply}: {answered:?}");
        }
    };
    proptest!(ProptestConfig::with_cases(100), |(res in any_json(), logs in any_json(), returned in any_json(), any in any_json())| {
        is_answered(&json!({"Outputs": {"res": res}, "ReturnValue": returned}));
        is_answered(&json!({"Outputs": any, "Logs": logs, "ReturnValue": returned}));
    });
    // No JSON, but for what is blank or null, on which the host hangs.
    proptest!(cases(), |(text in "[^n0-9\"\\[{tf \\s-].{0,20}")| {
        let script = json!({"reply": {"headers": {"Content-Type": "application/json"}, "body": text}});
        let answered = runtime.block_on(running.post(&script.to_string()));
        assert_eq!(answered.summary(), (500, "-", ""), "{text:?}");
    });
}

#[test]
fn any_body_reaches_the_handler_whole_and_any_path_is_answered() {
    let runtime = Runtime::new().unwrap();
    let running = runtime.block_on(App::new().run());
    proptest!(cases(), |(text in any::<String>(), object in any_json(), query in "[!$-;=?-Z_a-z~]{0,40}")| {
        let target = format!("/api/HttpTrigger1?{query}");
        // Neither is a script.
        for body in [format!("_{text}"), json!({"any": object}).to_string()] {
            let envelope = runtime.block_on(running.envelope("POST", &target, &[], &body));
            assert_eq!(envelope["Data"]["req"]["Body"], body);
        }
    });
    let app = App::new();
    app.function("Any", json!({"route": "any/{id}.{kind}/{*rest}"}));
    let running = runtime.block_on(app.run());
    proptest!(cases(), |(path in "(/any)?[!$-;=?-Z_a-z~]{0,40}")| {
        let answered = runtime.block_on(running.send("POST", &format!("/api{path}"), &[], ""));
        assert!([200, 404].contains(&answered.status), "{path:?}: {answered:?}");
    });
}

fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}
