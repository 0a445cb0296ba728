use super::free_port;
use crate::envelope::{self, Reply, TOASTER};
use crate::http::{self};
use crate::process::{self, Handler, UNDER_HOST};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

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
        ("http", 64, "Error: FUNCTIONS_CUSTOMHANDLER_PORT: expected a number from 0 to 65535, found \"http\" (not set, it is 3000).\n".to_owned()),
        ("", 64, "Error: FUNCTIONS_CUSTOMHANDLER_PORT: expected a number from 0 to 65535, found \"\" (not set, it is 3000).\n".to_owned()),
        ("65536", 64, "Error: FUNCTIONS_CUSTOMHANDLER_PORT: expected a number from 0 to 65535, found \"65536\" (not set, it is 3000).\n".to_owned()),
        ("-1", 64, "Error: FUNCTIONS_CUSTOMHANDLER_PORT: expected a number from 0 to 65535, found \"-1\" (not set, it is 3000).\n".to_owned()),
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
        assert_eq!((response.status, response.body.as_str()), (200, "Ready: HttpTrigger1."));
    }
    let ended = handler.stop();
    let ours = ended.stdout.lines().filter(|line| line.contains("[Information]")).count();
    assert_eq!(ours, 4, "three lines for the start, one for the stop: {ended:?}");
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
            "There is nothing here. Expected an allocation request: HttpTrigger1 at POST /api/HttpTrigger1."
        );
    }
    for (path, allowed) in [("/HttpTrigger1", "POST"), ("/api/httpTRIGGER1", "POST")] {
        let response = http::get(handler.address, path);
        assert_eq!((response.status, response.header("allow")), (405, Some(allowed)), "{path}");
        assert_eq!(response.body, "Expected POST here.");
    }
    assert_eq!((post("/").status, post("/").header("allow")), (405, Some("GET, HEAD")));
}
