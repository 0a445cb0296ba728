use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dps_custom_allocation::allocation::Toasters;
use dps_custom_allocation::body::Limits;
use dps_custom_allocation::settings::DEFAULT_BODY_LIMIT;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::envelope::{self, TOASTER};
use crate::http::{self, DEADLINE};
use crate::process::{Handler, UNDER_HOST};
use crate::server::Server;

/// Lets this process, and those it starts, open as many files as the system allows.
pub fn allow_many_files() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
}

fn assert_served(handler: &Handler) {
    let start = Instant::now();
    assert_eq!(http::get(handler.address, "/").status, 200);
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).status, 200);
    assert!(start.elapsed() < DEADLINE / 6, "others are not delayed: {:?}", start.elapsed());
}

#[test]
fn a_thousand_idle_connections_delay_nobody() {
    allow_many_files();
    let handler = Handler::start();
    let idle: Vec<_> = (0..1000).map(|_| http::connect(handler.address)).collect();
    let mut half_a_head: Vec<_> = (0..500).map(|_| http::connect(handler.address)).collect();
    for stream in &mut half_a_head {
        write!(stream, "POST /HttpTrigger1 HTTP/1.1\r\nx-half: ").unwrap();
    }
    assert_served(&handler);
    assert!(handler.resident() < 64 * 1024, "{} KiB", handler.resident());
    drop(idle);
}

#[test]
fn the_usual_limit_of_open_files_does_not_bound_the_connections() {
    allow_many_files();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "ulimit -S -n 64 && exec \"$0\"", env!("CARGO_BIN_EXE_handler")])
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let handler = Handler::spawn(&mut command);
    let idle: Vec<_> = (0..500).map(|_| http::connect(handler.address)).collect();
    assert_served(&handler);
    drop(idle);
    assert_eq!(handler.stop().stderr, "", "every connection was accepted");
}

#[test]
fn connections_beyond_the_bound_are_closed_and_the_rest_served() {
    allow_many_files();
    let handler = Handler::start();
    let mut streams: Vec<_> = (0..2048).map(|_| http::connect(handler.address)).collect();
    let mut surplus = http::connect(handler.address);
    let mut none = [0];
    assert!(matches!(surplus.read(&mut none), Ok(0) | Err(_)), "one too many is closed");
    write!(streams[2047], "GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(http::receive(&mut streams[2047]).unwrap().status, 200);
    drop(streams);
    let deadline = Instant::now() + DEADLINE;
    while std::panic::catch_unwind(|| http::get(handler.address, "/")).is_err() {
        assert!(Instant::now() < deadline, "once they are gone, others are served");
    }
}

#[test]
fn slow_large_bodies_hold_little_memory_and_delay_nobody() {
    allow_many_files();
    let handler = Handler::start();
    // Each declares a megabyte, sends all but the end of it, and waits.
    let mut slow: Vec<_> = (0..200).map(|_| http::connect(handler.address)).collect();
    let body = vec![b' '; 1_000_000];
    for stream in &mut slow {
        write!(stream, "POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: 1000001\r\n\r\n").unwrap();
        stream.write_all(&body).unwrap();
    }
    assert_served(&handler);
    let resident = handler.resident();
    assert!(resident < 200 * 1024, "200 MB were sent, {resident} KiB are held");
    // Each ends with an answer: read, or told that memory was short.
    let mut statuses = Vec::new();
    for stream in &mut slow {
        stream.write_all(b" ").unwrap();
        statuses.push(envelope::Reply::of(&http::receive(stream).unwrap()).status);
    }
    assert!(statuses.iter().all(|status| [400, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&503), "there is a bound: {statuses:?}");
    assert_served(&handler);
}

#[test]
fn a_slow_sender_does_not_hold_up_a_stop() {
    let handler = Handler::start_with(UNDER_HOST);
    let mut half_a_body = http::connect(handler.address);
    write!(half_a_body, "POST /HttpTrigger1 HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n")
        .unwrap();
    // The handler asks for the body: so the request is under way.
    let mut asked = [0; 25];
    half_a_body.read_exact(&mut asked).unwrap();
    let ended = handler.stop();
    assert_eq!(ended.status.code(), Some(200), "{ended:?}");
    assert_eq!(ended.stderr, "Warning: Stopped with requests under way that took more than 5 seconds.\n");
}

#[test]
fn callers_who_do_not_read_hold_little_memory_and_delay_nobody() {
    allow_many_files();
    let handler = Handler::start();
    // Six bytes of JSON a character, in the reply's log as in the envelope: far more than a socket takes.
    let large = envelope::of(&"\u{1}".repeat(1_000_000)).to_string();
    let mut callers: Vec<_> = (0..100).map(|_| http::connect(handler.address)).collect();
    for stream in &mut callers {
        write!(stream, "POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: {}\r\n\r\n{large}", large.len())
            .unwrap();
    }
    // Somebody else's answer shows that the replies before it have been made.
    assert_served(&handler);
    let resident = handler.resident();
    assert!(resident < 200 * 1024, "600 MB of replies were asked for, {resident} KiB are held");
    let statuses: Vec<_> = callers
        .iter_mut()
        .map(|stream| envelope::Reply::of(&http::receive(stream).unwrap()).status)
        .collect();
    assert!(statuses.iter().all(|status| [400, 503].contains(status)), "{statuses:?}");
    assert_served(&handler);
}

#[test]
fn a_body_that_never_ends_is_answered_all_the_same() {
    let limits = Limits { timeout: Duration::from_secs(1), ..Limits::of(DEFAULT_BODY_LIMIT) };
    let server = Server::within(Toasters, limits);
    let words = "The request body was not complete within 1 seconds.";
    let begin = |path: &str| {
        let mut stream = http::connect(server.address);
        write!(stream, "POST {path} HTTP/1.1\r\ncontent-length: 10\r\n\r\n{{").unwrap();
        http::receive(&mut stream).unwrap()
    };
    let reply = envelope::Reply::of(&begin("/HttpTrigger1"));
    assert_eq!((reply.status, reply.body.as_str()), (408, words));
    assert_eq!(reply.log, [envelope::PROCESSED, "\nResponse", words]);
    let raw = begin("/api/HttpTrigger1");
    assert_eq!((raw.status, raw.body.as_str()), (408, words));
}

#[test]
fn an_endless_body_is_not_kept() {
    let handler = Handler::start();
    for path in ["/HttpTrigger1", "/api/HttpTrigger1"] {
        let mut stream = http::connect(handler.address);
        write!(stream, "POST {path} HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(1024 * 1024));
        for _ in 0..150 {
            stream.write_all(chunk.as_bytes()).unwrap();
        }
        assert!(handler.resident() < 100 * 1024, "{} KiB of 150 MiB are held", handler.resident());
        stream.write_all(b"0\r\n\r\n").unwrap();
        let response = http::receive(&mut stream).unwrap();
        let status = if path == "/HttpTrigger1" {
            envelope::Reply::of(&response).status
        } else {
            u64::from(response.status)
        };
        assert_eq!(status, 413, "{response:?}");
    }
    assert_served(&handler);
}

/// `CONNECT` does so always, any other method may.
#[test]
fn a_request_that_names_a_host_instead_of_a_path_is_answered() {
    let handler = Handler::start();
    for (method, status) in [("CONNECT", 405), ("POST", 405), ("GET", 200)] {
        let response = http::send(
            handler.address,
            format!("{method} localhost:80 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
                .as_bytes(),
        );
        assert_eq!(response.status, status, "{method}: {response:?}");
    }
    let stderr = handler.stop().stderr;
    assert!(
        stderr.lines().all(|line| line.contains("[Warning] No function takes ")),
        "nothing panicked: {stderr}"
    );
}

#[test]
fn broken_http_ends_a_connection_and_nothing_else() {
    let handler = Handler::start();
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /HttpTrigger1 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: 100\r\n\r\ncut off",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
    ] {
        let mut stream = http::connect(handler.address);
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_served(&handler);
    }
    let mut stream = http::connect(handler.address);
    write!(stream, "GET / HTTP/1.1\r\n").unwrap();
    let header = format!("x-long: {}\r\n", "x".repeat(10_000));
    // Refused once the head is too long: by an answer, or by closing while we still send.
    let refused = (0..100).any(|_| stream.write_all(header.as_bytes()).is_err());
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    assert!(refused || read.is_err() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_served(&handler);
    let ended = handler.stop();
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
}
