//! Look-ups that ask somebody else, through the real process: a service and a database that misbehave, or are away.

use std::net::SocketAddr;

use serde_json::json;

use crate::app_folder::AppFolder;
use crate::envelope::{self, TOASTER};
use crate::http;
use crate::process::{self, Handler, UNDER_HOST};

/// The registration id of the tutorial's toaster, and the hub that its request links.
const ID: &str = "contoso-toaster-007";
const HUB: &str = "contoso-toasters-hub-1098.azure-devices.net";

/// The handler of an app with these rules.
fn start(rules: &str, variables: &[(&str, &str)]) -> Handler {
    let folder = AppFolder::with(&[("allocation.yaml", rules)]);
    let mut command = process::command(UNDER_HOST);
    Handler::spawn(command.current_dir(folder.path()).envs(variables.iter().copied()))
}

/// Status, answer, and the look-up's line in the log.
fn call(address: SocketAddr) -> (u64, String, String) {
    let reply = envelope::call(address, &envelope::of(TOASTER));
    (reply.status, reply.body, reply.log[3].clone())
}

/// So many calls at once, while the handler goes on saying that it is ready.
fn crowd(address: SocketAddr, callers: usize) -> Vec<(u64, String, String)> {
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..callers).map(|_| scope.spawn(move || call(address))).collect();
        while !callers.iter().all(|caller| caller.is_finished()) {
            assert_eq!(http::get(address, "/").status, 200, "nobody waits for a look-up but who needs it");
        }
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    })
}

#[cfg(feature = "http")]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_decides_or_is_asked_again() {
    use crate::service::{Does, Service, answer};

    let hub = json!({ "hub": HUB }).to_string();
    let assigned = json!({ "iotHubHostName": HUB }).to_string();
    let found = |line: &'static str| (200, assigned.clone(), line);
    let table: Vec<(Does, (u64, String, &str))> = vec![
        (answer("200 OK", &hub), found("found")),
        (
            answer("404 Not Found", "nothing"),
            (400, "Unrecognized device registration.".to_owned(), "nothing found"),
        ),
        (answer("500 Internal Server Error", &hub), (503, String::new(), "it answered 500")),
        (answer("200 OK", "<xml/>"), (503, String::new(), "its answer: invalid JSON at line 1, column 1")),
        (answer("200 OK", "[]"), (503, String::new(), "its answer: expected a JSON object")),
        (
            Does::Writes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()),
            (503, String::new(), "the connection broke off"),
        ),
        (
            Does::HangsAfter(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
            (503, String::new(), "no answer within 300 ms"),
        ),
        (Does::HangsAfter(b""), (503, String::new(), "no answer within 300 ms")),
    ];
    for (does, (status, body, line)) in table {
        let says = format!("{does:?}");
        let hangs = matches!(does, Does::HangsAfter(_));
        let service = Service::start(move |_| does.clone()).await;
        let rules = "lookups:\n  device: { http: \"${settings.REGISTRY}/devices/${registrationId}\", header: { x-key: ALLOCATION_KEY } }\n\
                     rules:\n  - when: device != null\n    hub: device.hub\n";
        let timeout = if hangs { "0.3" } else { "30" };
        let url = format!("http://{}", service.address);
        let handler = start(
            rules,
            &[
                ("ALLOCATION_REGISTRY", &url),
                ("ALLOCATION_KEY", "s3cr3t"),
                ("ALLOCATION_LOOKUP_TIMEOUT", timeout),
            ],
        );
        let address = handler.address;
        let answers = tokio::task::spawn_blocking(move || crowd(address, 16)).await.unwrap();
        for (got, words, told) in answers {
            assert_eq!(got, status, "{says}: {words}");
            assert_eq!(told, format!("Look-up device (GET {url}): {line}"), "{says}");
            let expected =
                if body.is_empty() { format!("Look-up device: {line}; ask again.") } else { body.clone() };
            assert_eq!(words, expected, "{says}");
        }
        let request = service.requests()[0].to_ascii_lowercase();
        assert!(request.starts_with(&format!("get /devices/{ID} http/1.1\r\n")), "{request}");
        assert!(request.contains("x-key: s3cr3t"), "{request}");
        let ended = handler.stop();
        assert!(!ended.stdout.contains("s3cr3t") && !ended.stderr.contains("s3cr3t"), "{ended:?}");
    }
}

#[cfg(feature = "sql")]
#[test]
fn a_database_that_is_away_is_a_503_and_is_found_again() {
    let mut server = crate::postgresql::Postgresql::start();
    server.psql(&format!(
        "CREATE TABLE fleet (id text PRIMARY KEY, hub text); INSERT INTO fleet VALUES ('{ID}', '{HUB}')"
    ));
    let rules = "lookups:\n  device: { sql: \"select hub from fleet where id = $1\", parameters: [registrationId], url: DEVICES_URL }\n\
                 rules:\n  - when: device != null\n    hub: device.hub\n";
    let url = server.url("");
    let handler = start(rules, &[("DEVICES_URL", &url), ("ALLOCATION_LOOKUP_TIMEOUT", "30")]);
    let assigned = json!({ "iotHubHostName": HUB }).to_string();
    let all_are_assigned = |what: &str| {
        for (status, body, line) in crowd(handler.address, 64) {
            assert_eq!((status, body.as_str()), (200, assigned.as_str()), "{what}: {line}");
            assert_eq!(line, "Look-up device (PostgreSQL at DEVICES_URL): found");
        }
    };
    all_are_assigned("a database that is there");

    server.stop();
    for (status, body, line) in crowd(handler.address, 64) {
        assert_eq!(status, 503, "{body}");
        let reasons = ["connection refused", "the connection broke off"];
        let expected = reasons.map(|reason| format!("Look-up device (PostgreSQL at DEVICES_URL): {reason}"));
        assert!(expected.contains(&line), "{line}");
    }

    server.run_again();
    all_are_assigned("a database that is back");

    // One that takes connections and says nothing: within the deadline of an app that is in a hurry.
    let hurried = start(rules, &[("DEVICES_URL", &url), ("ALLOCATION_LOOKUP_TIMEOUT", "1")]);
    server.pause();
    for (status, body, _) in crowd(hurried.address, 64) {
        assert_eq!((status, body.as_str()), (503, "Look-up device: no answer within 1 s; ask again."));
    }
    server.resume();
    all_are_assigned("a database that speaks again");
    let password = url.split([':', '@']).nth(2).unwrap().to_owned();
    let ended = handler.stop();
    assert!(!ended.stdout.contains(&password) && !ended.stderr.contains(&password), "{ended:?}");
}
