//! Forwarding and proxying: the caller's request itself reaches the handler, and its reply the caller.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#http-only-function>

use std::time::Duration;

use journal::Level;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{App, DEADLINE, Running};

const FORWARDING: &str = "/customHandler/enableForwardingHttpRequest";
const PROXYING: &str = "/customHandler/enableProxyingHttpRequest";
const SUCCEEDED: &str = "Information Executed 'Functions.HttpTrigger1' (Succeeded, Id=<id>, Duration=<n>ms)";

async fn app(mode: &str) -> Running {
    let app = App::new();
    app.host_json(mode, true.into());
    app.run().await
}

/// The body of the scripted handler's envelope, which a raw caller gets as it is.
fn echo(body: &str) -> Value {
    let envelope: Value = serde_json::from_str(body).unwrap();
    serde_json::from_str(envelope["Outputs"]["res"]["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn point_26_forwarding_copies_the_request() {
    let running = app(FORWARDING).await;
    let headers = ["X-Mine: 1", "User-Agent: curl/8", "Cookie: a=b", "Content-Type: text/plain"];
    let answered = running.send("POST", "/API/HttpTrigger1?code=k&q=a+b%2F&Q=2", &headers, "hello").await;
    let echo = echo(&answered.body);
    assert_eq!(echo["line"], "POST /API/HttpTrigger1?code=k&q=a%20b%2F,2");
    assert_eq!(echo["body"], "hello");
    let mut headers = echo["headers"].as_object().unwrap().clone();
    let id = headers.remove("x-azure-functions-invocationid").unwrap();
    assert!(uuid::Uuid::try_parse(id.as_str().unwrap()).is_ok(), "{id}");
    let expected = json!({
        "connection": "close", "content-length": "5", "content-type": "text/plain", "cookie": "a=b",
        "host": "localhost:7071", "user-agent": "curl/8 Azure-Functions-Host/4.1037.0.0",
        "x-azure-functions-hostversion": "4.1037.0.0", "x-mine": "1",
    });
    assert_eq!(Value::from(headers), expected);
    let call = running.log.call();
    assert_eq!(call[1..], [SUCCEEDED]);
}

#[tokio::test]
async fn point_26_forwarding_passes_every_reply_through() {
    let running = app(FORWARDING).await;
    for (status, headers, body) in [
        (400, json!({"Content-Type": "text/plain", "X-Reply": "1"}), "no"),
        (302, json!({"Location": "/moved"}), ""),
        (500, json!({}), "broken"),
        (200, json!({}), ""),
    ] {
        let script = json!({"reply": {"status": status, "headers": headers, "body": body}});
        let answered = running.post(&script.to_string()).await;
        assert_eq!((answered.status, answered.body.as_str()), (status, body), "{script}");
        for (name, value) in headers.as_object().unwrap() {
            assert_eq!(
                answered.headers.get(&name.to_lowercase()).map(String::as_str),
                value.as_str(),
                "{script}"
            );
        }
        assert_eq!(running.log.lines().pop().unwrap(), SUCCEEDED);
    }
    assert_eq!(running.post(r#"{"exit": 1}"#).await.summary(), (500, "-", ""));
}

#[tokio::test]
async fn point_26_forwarding_refuses_chunked_callers() {
    let running = app(FORWARDING).await;
    let request = "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(running.send_raw(request.as_bytes()).await.summary(), (500, "-", ""));
    let last = running.log.lines().pop().unwrap();
    assert!(last.contains("The caller sent its body in chunks"), "{last}");
}

#[tokio::test]
async fn point_26_functions_with_further_bindings_take_the_envelope() {
    for mode in [FORWARDING, PROXYING] {
        let app = App::new();
        app.host_json(mode, true.into());
        let trigger = json!({"type": "httpTrigger", "direction": "in", "name": "req"});
        let output = json!({"type": "http", "direction": "out", "name": "res"});
        let queue = json!({"type": "queue", "direction": "out", "name": "items", "queueName": "q"});
        app.write("HttpTrigger1/function.json", &json!({"bindings": [trigger, output, queue]}));
        let running = app.run().await;
        let echo = running.echo("POST", "/api/HttpTrigger1", &[], "hello").await;
        assert_eq!(echo["line"], "POST /HttpTrigger1", "{mode}");
    }
}

#[tokio::test]
async fn proxying_wins_over_forwarding_and_streams_chunked_bodies() {
    let app = App::new();
    app.host_json(FORWARDING, true.into()).host_json(PROXYING, true.into());
    let running = app.run().await;
    let request = "PUT /api/HttpTrigger1?code=k&q=a+b HTTP/1.1\r\nHost: h\r\nConnection: close\r\nUser-Agent: me\r\nTransfer-Encoding: chunked\r\nX-Azure-Functions-InvocationId: forged\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    // PUT is not among the function's methods.
    assert_eq!(running.send_raw(request.as_bytes()).await.status, 404);
    let answered = running.send_raw(request.replace("PUT", "POST").as_bytes()).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    let echo = echo(&answered.body);
    assert_eq!(echo["line"], "POST /api/HttpTrigger1?code=k&q=a+b");
    assert_eq!(echo["body"], "hello");
    let headers = &echo["headers"];
    assert_eq!(headers["host"], "h");
    assert_eq!(headers["user-agent"], "me");
    assert_eq!(headers["x-azure-functions-hostversion"], "4.1037.0.0");
    assert_eq!(headers["x-ms-invocation-id"], headers["x-azure-functions-invocationid"]);
    assert!(uuid::Uuid::try_parse(headers["x-ms-invocation-id"].as_str().unwrap()).is_ok(), "{headers}");
    assert_eq!(headers.get("connection"), None);
    running.log.wait_for(Level::Information, "Executed 'Functions.HttpTrigger1' (Succeeded").await;
}

#[tokio::test]
async fn proxying_gives_the_request_to_the_handler_before_it_is_whole() {
    let running = app(PROXYING).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let exchange = async {
        let head =
            "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhel";
        stream.write_all(head.as_bytes()).await.unwrap();
        running.log.wait_for(Level::Information, "Executing 'Functions.HttpTrigger1'").await;
        stream.write_all(b"lo").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = timeout(DEADLINE, exchange).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn proxying_is_bounded_by_the_function_timeout() {
    let app = App::new();
    app.host_json(PROXYING, true.into());
    let running = app.run_with(|options| options.function_timeout = Some(Duration::from_millis(300))).await;
    assert_eq!(running.post(r#"{"sleep_ms": 60000}"#).await.summary(), (500, "-", ""));
    running.log.wait_for(Level::Error, "Timeout value of 00:00:00.300 exceeded").await;
    running.log.wait_for_times(2, Level::Information, "Worker process started and initialized.").await;
}

#[tokio::test]
async fn proxying_passes_every_reply_through_and_a_crash_is_a_500() {
    let running = app(PROXYING).await;
    let script =
        json!({"reply": {"status": 418, "headers": {"X-Reply": "1"}, "body": "short", "chunked": true}});
    let answered = running.post(&script.to_string()).await;
    assert_eq!((answered.status, answered.body.as_str()), (418, "short"), "{answered:?}");
    assert_eq!(answered.headers.get("x-reply").map(String::as_str), Some("1"));
    assert_eq!(running.post(r#"{"exit": 1}"#).await.summary(), (500, "-", ""));
    running.log.wait_for(Level::Error, "Executed 'Functions.HttpTrigger1' (Failed").await;
}
