//! A custom handler that is scripted by the caller's body: the tests' means to have the host meet every
//! reply, exit and silence.
//!
//! A body that is not a [`Script`] is answered with what the handler was sent, as JSON ([`echo`]). How the
//! process begins is in the setting `SCRIPTED_STARTS`: one word for each start, the last one for all
//! that follow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    missing_docs,
    reason = "a part of the tests, which fails by panicking and ends as scripted"
)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;
use std::{env, fs, process};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What to do on a request, in this order.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    stdout: Vec<String>,
    stderr: Vec<String>,
    sleep_ms: u64,
    /// The exit code; the request is not answered.
    exit: Option<i32>,
    reply: Option<Reply>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    /// Sent in chunks, so that its length is not announced.
    #[serde(default)]
    chunked: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let start = how_to_start();
    let (word, value) = start.split_once(':').unwrap_or((&start, ""));
    match word {
        "exit" => {
            eprintln!("exiting as scripted");
            process::exit(value.parse().unwrap());
        }
        "silent" => loop {
            sleep(Duration::from_secs(3600)).await;
        },
        "late" => sleep(Duration::from_millis(value.parse().unwrap())).await,
        "shout" => {
            println!("out {value}");
            eprintln!("err {value}");
            eprintln!("warning {value}");
        }
        "serve" | "garbage" | "mute" | "raw" => {}
        other => panic!("no start is called {other:?}"),
    }
    let port = env::var("FUNCTIONS_CUSTOMHANDLER_PORT").unwrap().parse().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        if word == "garbage" {
            tokio::spawn(babble(stream));
        } else if word == "raw" {
            tokio::spawn(show(stream));
        } else {
            let mute = word == "mute";
            let service = service_fn(move |request: Request<Incoming>| async move {
                // Ready, and no call of it ever ends.
                if mute && request.method() != Method::GET {
                    std::future::pending().await
                }
                answer(request).await
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }
}

/// This start's word. How many there were before is kept in a file of the current folder.
fn how_to_start() -> String {
    let starts = env::var("SCRIPTED_STARTS").unwrap_or_else(|_| "serve".to_owned());
    let words: Vec<&str> = starts.split(',').collect();
    let before: usize = fs::read_to_string("starts").map_or(0, |text| text.trim().parse().unwrap());
    fs::write("starts", (before + 1).to_string()).unwrap();
    words[before.min(words.len() - 1)].to_owned()
}

async fn babble(mut stream: TcpStream) {
    let _ = stream.write_all(b"this is not HTTP\r\n\r\n").await;
}

/// Answers `GET /`, and a chunked POST with the bytes that it is made of and how many requests the connection has
/// carried.
async fn show(mut stream: TcpStream) {
    let (mut request, mut requests) = (Vec::new(), 0);
    while let Ok(1..) = stream.read_buf(&mut request).await {
        let text = String::from_utf8(request.clone()).unwrap();
        let is_post = text.starts_with("POST ");
        if !text.ends_with(if is_post { "\r\n0\r\n\r\n" } else { "\r\n\r\n" }) {
            continue;
        }
        request.clear();
        requests += 1;
        let body = json!({"raw": text, "requests": requests}).to_string();
        let outputs = json!({"Outputs": {"res": {"body": body}}}).to_string();
        let outputs = if is_post { outputs } else { String::new() };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            outputs.len()
        );
        stream.write_all((head + &outputs).as_bytes()).await.unwrap();
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    if parts.uri.path() == "/moved" {
        return Ok(envelope(&json!({"line": format!("{} {}", parts.method, parts.uri), "body": body})));
    }
    // In the envelope if there is one, as it is otherwise.
    let sent = serde_json::from_str::<Value>(&body).unwrap_or_default();
    let script = sent["Data"]["req"]["Body"].as_str().unwrap_or(&body);
    let Ok(script) = serde_json::from_str::<Script>(script) else {
        return Ok(envelope(&echo(&parts, &body)));
    };

    for line in &script.stdout {
        println!("{line}");
    }
    for line in &script.stderr {
        eprintln!("{line}");
    }
    std::io::stdout().flush().unwrap();
    sleep(Duration::from_millis(script.sleep_ms)).await;
    if let Some(code) = script.exit {
        process::exit(code);
    }
    let reply = script.reply.unwrap_or(Reply {
        status: 200,
        headers: BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())]),
        body: r#"{"Outputs":{"res":{"body":"done"}},"Logs":[],"ReturnValue":null}"#.to_owned(),
        chunked: false,
    });
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    if reply.chunked {
        response = response.header("Transfer-Encoding", "chunked");
    }
    Ok(response.body(Full::new(reply.body.into())).unwrap())
}

/// What the handler was sent and how it was started.
fn echo(parts: &hyper::http::request::Parts, body: &str) -> Value {
    let headers: BTreeMap<&str, &str> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    json!({
        "line": format!("{} {}", parts.method, parts.uri),
        "headers": headers,
        "body": body,
        "environment": env::vars().collect::<BTreeMap<_, _>>(),
        "arguments": env::args().skip(1).collect::<Vec<_>>(),
        "folder": env::current_dir().unwrap(),
        "pid": process::id(),
    })
}

/// A good reply whose body is `value`.
fn envelope(value: &Value) -> Response<Full<Bytes>> {
    let outputs = json!({"Outputs": {"res": {
        "headers": {"Content-Type": "application/json"},
        "body": value.to_string(),
    }}, "Logs": [], "ReturnValue": null});
    let response = Response::builder().header("Content-Type", "application/json");
    response.body(Full::new(outputs.to_string().into())).unwrap()
}

fn ok() -> u16 {
    200
}
