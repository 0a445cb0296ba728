//! The provisioning service over HTTPS: requests as the SDKs, curl and others write them.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};

use super::server::{DEADLINE, Device, HUB, SCOPE, Stage, device_key, in_an_hour, signature, token};

/// One response, its head as text.
#[derive(Debug)]
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Device {
    /// Reads one response with a `Content-Length`.
    async fn response(&mut self) -> Response {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read(1).await);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut response = Response { status, head, body: String::new() };
        let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
        response.body = String::from_utf8(self.read(length).await).unwrap();
        response
    }

    async fn request(&mut self, head: &str, body: &str) -> Response {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.send(format!("{head}{length}\r\n{body}").as_bytes()).await;
        self.response().await
    }
}

/// The head of a good request, up to the `Content-Length`.
fn head(method: &str, id: &str, rest: &str) -> String {
    let query = if rest.contains('?') { "" } else { "?api-version=2019-03-31" };
    format!(
        "{method} /{SCOPE}/registrations/{id}{rest}{query} HTTP/1.1\r\nHost: localhost:8443\r\nAuthorization: {}\r\n",
        token(id)
    )
}

/// A registration to its end, the way an SDK does it. `get_body` is what it sends along when it asks.
async fn register(
    stage: &Stage,
    headers: &str,
    sas: &str,
    version: &str,
    body: &str,
    get_body: &str,
) -> Value {
    let mut device = stage.https().await;
    let path = format!("/{SCOPE}/registrations/dev1");
    stage.webhook.hold();
    let request =
        format!("PUT {path}/register?api-version={version} HTTP/1.1\r\n{headers}Authorization: {sas}\r\n");
    let answer = device.request(&request, body).await;
    assert_eq!(answer.status, 202, "{answer:?}\n{}", stage.whole_log());
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.header("retry-after"), Some("3"));
    assert_eq!(answer.header("location"), Some(&*format!("https://localhost:443{path}/register")));
    assert!(answer.header("x-ms-request-id").is_some_and(|id| id.len() == 36), "{answer:?}");
    let operation_id = answer.json()["operationId"].as_str().unwrap().to_owned();
    assert_eq!(answer.json(), json!({"operationId": operation_id, "status": "assigning"}));

    let request = format!(
        "GET {path}/operations/{operation_id}?api-version={version} HTTP/1.1\r\n{headers}Authorization: {sas}\r\n"
    );
    let answer = device.request(&request, get_body).await;
    assert_eq!((answer.status, answer.header("retry-after")), (202, Some("3")), "{answer:?}");
    assert_eq!(answer.json()["registrationState"]["registrationId"], "dev1");
    stage.webhook.release();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        // On the same connection, which a body left unread would garble.
        let answer = device.request(&request, get_body).await;
        match answer.status {
            200 => {
                assert_eq!(answer.header("retry-after"), None);
                assert_eq!(answer.json()["operationId"], operation_id);
                return answer.json();
            }
            _ => assert!(tokio::time::Instant::now() < deadline, "{answer:?}\n{}", stage.whole_log()),
        }
    }
}

#[tokio::test]
async fn the_c_sdk_is_assigned() {
    let stage = Stage::start().await;
    let sr = format!("{SCOPE}%2fregistrations%2fdev1");
    let expiry = in_an_hour();
    let signature = signature(&device_key("dev1"), &sr, expiry);
    let sas = format!("SharedAccessSignature sr={sr}&sig={signature}&se={expiry}&skn=registration");
    let headers = "UserAgent: prov_device_client/1.0\r\nAccept: application/json\r\nContent-Type: application/json; charset=utf-8\r\nConnection: keep-alive\r\nHost: localhost:443\r\n";
    let body = r#"{"registrationId":"dev1","payload":{"a":1}}"#;
    let settled = register(&stage, headers, &sas, "2021-06-01", body, "").await;
    assert_eq!(settled["status"], "assigned");
    assert_eq!(settled["registrationState"]["assignedHub"], HUB);
    assert!(stage.webhook.calls()[0].contains(r#""payload":{"a":1}"#), "{:?}", stage.webhook.calls());
}

#[tokio::test]
async fn the_node_sdk_is_refused_by_the_policy() {
    let stage = Stage::start().await;
    stage.webhook.answers([(400, "No toasters hub found for the enrollment.")]);
    let sr = format!("{SCOPE}/registrations/dev1");
    let expiry = in_an_hour();
    let signature = signature(&device_key("dev1"), &sr, expiry);
    let sas = format!("SharedAccessSignature sr={sr}&sig={signature}&skn=registration&se={expiry}");
    let headers = "Accept: application/json\r\nContent-Type: application/json; charset=utf-8\r\nRequest-Id: 4b1c\r\nUser-Agent: azure-iot-provisioning-device/1.9.1\r\nHost: localhost:443\r\nConnection: keep-alive\r\n";
    let body = r#"{"registrationId":"dev1"}"#;
    // Node sends a body with its GET.
    let settled = register(&stage, headers, &sas, "2019-03-31", body, "{}").await;
    assert_eq!(settled["status"], "failed");
    assert_eq!(settled["registrationState"]["errorCode"], 400_207);
    assert_eq!(
        settled["registrationState"]["errorMessage"],
        "Custom allocation failed with status code: 400"
    );
}

#[tokio::test]
async fn the_dotnet_sdk_is_assigned() {
    // As recorded of Microsoft.Azure.Devices.Provisioning.Client 1.19.4: bodies are pretty-printed, and that with a
    // payload has no registrationId.
    let stage = Stage::start().await;
    let sr = format!("{SCOPE}%2Fregistrations%2Fdev1");
    let expiry = in_an_hour();
    let signature = signature(&device_key("dev1"), &sr, expiry);
    let sas = format!("SharedAccessSignature sr={sr}&sig={signature}&se={expiry}&skn=registration");
    let headers = "Host: localhost:443\r\nAccept: application/json\r\nContent-Type: application/json; charset=utf-8\r\n";
    let body = "{\n  \"payload\": {\n    \"a\": 1\n  }\n}";
    let settled = register(&stage, headers, &sas, "2019-03-31", body, "").await;
    assert_eq!(settled["status"], "assigned");
    assert!(stage.webhook.calls()[0].contains(r#""payload":{"a":1}"#), "{:?}", stage.webhook.calls());
}

#[tokio::test]
async fn a_registration_can_be_looked_up() {
    let stage = Stage::start().await;
    let mut device = stage.https().await;
    let lookup = head("POST", "dev1", "?api-version=2019-03-31");
    let body = r#"{"registrationId":"dev1"}"#;
    assert_eq!(device.request(&lookup, body).await.status, 404);
    let registered = device.request(&head("PUT", "DEV1", "/register"), "{}").await;
    // An id is the same in any case.
    assert_eq!(registered.status, 202, "{registered:?}");
    let path = format!("/operations/{}", registered.json()["operationId"].as_str().unwrap());
    while device.request(&head("GET", "dev1", &path), "").await.status == 202 {}
    let found = device.request(&lookup, body).await;
    assert_eq!(found.status, 200, "{found:?}");
    assert_eq!(found.json()["assignedHub"], HUB, "{found:?}");
}

#[tokio::test]
async fn harmless_oddities_are_accepted() {
    let stage = Stage::start().await;
    let mut device = stage.https().await;
    let table = [
        // The documentation's own curl example.
        (
            "/register?api-version=2019-03-31",
            "Content-Type: application/json\r\nContent-Encoding:  utf-8\r\n",
        ),
        ("/register?api-version=2025-07-01-preview&forceRegistration=true", ""),
        ("/register?api-version=2031-12-31", "Content-Type: Application/JSON;charset=UTF-8\r\n"),
        ("/Register", "Expect: 100-continue\r\n"),
    ];
    for (rest, headers) in table {
        let request = format!("{}{headers}Content-Length: 2\r\n\r\n", head("PUT", "dev1", rest));
        device.send(request.as_bytes()).await;
        device.send(b"{}").await;
        let mut answer = device.response().await;
        if answer.status == 100 {
            answer = device.response().await;
        }
        assert_eq!(answer.status, 202, "{rest} {headers}: {answer:?}");
    }
    // An escaped id, and a body in chunks.
    let id = "dev%2D1";
    let request = format!(
        "PUT /{SCOPE}/registrations/{id}/register?api-version=2019-03-31 HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        token("dev-1")
    );
    device.send(request.as_bytes()).await;
    device.send(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n").await;
    let answer = device.response().await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[tokio::test]
async fn refusals_have_a_status_a_body_and_a_line() {
    let stage = Stage::start().await;
    let good = |method, rest| head(method, "dev1", rest);
    let without = |rest: &str| {
        format!("PUT /{SCOPE}/registrations/dev1{rest}?api-version=2019-03-31 HTTP/1.1\r\nHost: h\r\n")
    };
    let foreign = head("PUT", "dev1", "/register").replace("sig=", "sig=AA");
    let table: [(&str, String, u16, u64, &[&str]); 12] = [
        ("no token", without("/register"), 401, 401_002, &["dev1: refused"]),
        (
            "a bearer token",
            without("/register") + "Authorization: Bearer x\r\n",
            401,
            401_002,
            &["dev1: refused"],
        ),
        ("another signature", foreign, 401, 401_002, &["dev1: refused"]),
        (
            "another device",
            head("PUT", "dev2", "/register").replace("registrations/dev2/", "registrations/dev1/"),
            401,
            401_002,
            &["dev1: refused"],
        ),
        (
            "another scope",
            good("PUT", "/register").replace(&format!("/{SCOPE}/"), "/0ne00000000/"),
            401,
            401_002,
            &["dev1: refused"],
        ),
        ("an unknown operation", good("GET", "/operations/4.x.y"), 404, 404_201, &["dev1: ", "4.x.y"]),
        (
            "an unknown path",
            good("PUT", "/unregister"),
            404,
            404_201,
            &["HTTPS 127.0.0.1:", ": 404: ", "/unregister"],
        ),
        (
            "the root",
            "GET / HTTP/1.1\r\nHost: h\r\n".to_owned(),
            404,
            404_201,
            &["404: unknown path: “GET /”"],
        ),
        ("a wrong method", good("POST", "/register"), 405, 405_000, &["405: expected PUT, found “POST "]),
        ("no method of the path", good("DELETE", ""), 405, 405_000, &["405: expected POST, found “DELETE "]),
        (
            "a form",
            good("PUT", "/register") + "Content-Type: application/x-www-form-urlencoded\r\n",
            415,
            415_000,
            &["415: ", "x-www-form-urlencoded"],
        ),
        (
            "a compressed body",
            good("PUT", "/register") + "Content-Encoding: gzip\r\n",
            415,
            415_000,
            &["415: ", "gzip"],
        ),
    ];
    for (what, head, status, code, words) in table {
        let before = stage.lines(words);
        let mut device = stage.https().await;
        let answer = device.request(&head, "").await;
        assert_eq!(answer.status, status, "{what}: {answer:?}\n{}", stage.whole_log());
        let body = answer.json();
        assert_eq!(body["errorCode"], code, "{what}: {body}");
        assert_eq!(answer.header("x-ms-error-code"), Some(&*code.to_string()), "{what}");
        assert_eq!(body["trackingId"].as_str(), answer.header("x-ms-request-id"), "{what}");
        assert!(body["message"].is_string() && body["timestampUtc"].is_string(), "{what}: {body}");
        stage.says_often(before + 1, words).await;
        // The connection is still good.
        let again = device.request(&good("GET", "/operations/4.z"), "").await;
        assert_eq!(again.status, 404, "{what}: {again:?}");
    }
    let mut device = stage.https().await;
    let refused = device.request(&good("POST", "/operations/4.x"), "").await;
    assert_eq!(refused.header("allow"), Some("GET"));
    assert_eq!(stage.lines(&["sig="]), 0, "no token in the log\n{}", stage.whole_log());
}

#[tokio::test]
async fn paths_of_all_forms_are_read() {
    let stage = Stage::start().await;
    let mut device = stage.https().await;
    for (path, status) in [
        ("SCOPE/registrations/%64ev1", 404_201),
        ("SCOPE/Registrations/dev1/REGISTER", 202),
        ("SCOPE/registrations/dev1/operations/", 404_201),
        ("SCOPE/registrations/a%3Ab%2f/register", 401_002),
        ("SCOPE/registrations/%ff/register", 0),
        ("SCOPE/registrations//register", 0),
        ("/registrations/dev1/register", 0),
        ("SCOPE/registrations/dev1/register/", 0),
        ("SCOPE/registrations/dev1/operations", 0),
        ("SCOPE/enrollments/dev1", 0),
        ("SCOPE/registrations", 0),
    ] {
        let method = match path.to_lowercase() {
            path if path.contains("register") => "PUT",
            path if path.contains("operations") => "GET",
            _ => "POST",
        };
        let path = path.replace("SCOPE", SCOPE);
        let request = format!(
            "{method} /{path}?api-version=2019-03-31 HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\n",
            token("dev1")
        );
        let answer = device.request(&request, "{}").await;
        let unknown = ": 404: unknown path: “";
        match status {
            0 => {
                assert_eq!(answer.json()["message"], "The resource does not exist.", "{path}: {answer:?}");
                stage.says_often(1, &[unknown, &format!("{method} /{path}”")]).await;
            }
            202 => assert_eq!(answer.status, 202, "{path}: {answer:?}"),
            code => {
                assert_eq!(answer.json()["errorCode"], code, "{path}: {answer:?}");
                assert_eq!(stage.lines(&[unknown, &path]), 0, "{}", stage.whole_log());
            }
        }
    }
}

#[tokio::test]
async fn api_versions_are_dates_with_or_without_a_word() {
    let stage = Stage::start().await;
    let mut device = stage.https().await;
    for (version, status) in [
        ("2021-06-01", 404),
        ("2019-03-31", 404),
        ("2019-03-31-preview", 404),
        ("2031-12-31", 404),
        ("2018-09-01-privatepreview", 404),
        ("1", 400),
        ("2021-06", 400),
        ("2021-13-01", 400),
        ("2021-06-32", 400),
        ("2021-6-1", 400),
        ("21-06-01", 400),
        ("+021-06-01", 400),
        ("2021-06-01-", 400),
        ("2021-06-01x", 400),
        ("2021-06-01-a.b", 400),
    ] {
        let request = head("GET", "dev1", &format!("/operations/4.x?api-version={version}"));
        assert_eq!(device.request(&request, "").await.status, status, "{version}");
    }
}

#[tokio::test]
async fn an_api_version_that_is_none_is_refused() {
    let stage = Stage::start().await;
    let mut device = stage.https().await;
    for (query, found) in [("?", "none"), ("?api-version=", "“”"), ("?a=b&api-version=banana", "“banana”")]
    {
        for (method, rest) in [("PUT", "/register"), ("GET", "/operations/4.x"), ("POST", "")] {
            let answer = device.request(&head(method, "dev1", &format!("{rest}{query}")), "").await;
            assert_eq!(
                (answer.status, answer.json()["errorCode"].as_u64()),
                (400, Some(400_000)),
                "{answer:?}"
            );
            let expected = "Expected an api-version such as 2021-06-01 or 2025-07-01-preview in the query";
            assert_eq!(answer.json()["message"], format!("{expected}."), "{answer:?}");
            stage.says(&["HTTPS 127.0.0.1:", &format!("400: {expected}, found {found}")]).await;
        }
    }
}

#[tokio::test]
async fn websocket_is_refused_by_the_name_of_what_was_to_be_spoken_over_it() {
    let stage = Stage::start().await;
    let port = stage.dps.mqtt_address().port();
    for (path, protocol, expected) in [
        ("/$iothub/websocket", "mqtt", "MQTT over WebSocket"),
        ("/", "mqtt", "MQTT over WebSocket"),
        ("/$iothub/websocket", "MQTT", "MQTT over WebSocket"),
        ("/$iothub/websocket", "AMQPWSB10", "AMQP over WebSocket"),
        ("/", "chat", "WebSocket"),
    ] {
        let mut device = stage.https().await;
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:443\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {protocol}\r\n"
        );
        let answer = device.request(&upgrade, "").await;
        let message = format!("{expected} is not supported yet; use MQTT over TLS at port {port}.");
        assert_eq!((answer.status, answer.json()["errorCode"].as_u64()), (501, Some(501_000)), "{answer:?}");
        assert_eq!(answer.json()["message"], message, "{answer:?}");
        stage.says(&["HTTPS 127.0.0.1:", &format!("501: {message}")]).await;
    }
}

#[tokio::test]
async fn other_protocols_at_the_port_for_https_are_named() {
    let stage = Stage::start().await;
    for (bytes, expected) in [
        (&b"\x10\x20\0\x04MQTT\x04\x02\0\0"[..], "expected HTTP at this port, found MQTT; connection closed"),
        (b"AMQP\x03\x01\0\0", "AMQP is not supported yet; use MQTT or HTTPS"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "expected HTTP at this port, found HTTP/2; connection closed"),
    ] {
        let mut device = stage.https().await;
        device.send(bytes).await;
        device.expect_end().await;
        stage.says_often(1, &["HTTPS 127.0.0.1:", expected]).await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_taken() {
    let stage = Stage::start().await;
    let put = head("PUT", "dev1", "/register");
    // Announced: refused before a byte of it has come.
    let mut device = stage.https().await;
    device.send(format!("{put}Content-Length: 98305\r\n\r\n").as_bytes()).await;
    let answer = device.response().await;
    assert_eq!((answer.status, answer.json()["errorCode"].as_u64()), (413, Some(413_000)), "{answer:?}");
    device.expect_end().await;
    // Not announced: refused once it is too long.
    let mut device = stage.https().await;
    device.send(format!("{put}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await;
    device.send(&[b"18001\r\n".to_vec(), vec![b' '; 98_305], b"\r\n".to_vec()].concat()).await;
    let answer = device.response().await;
    assert_eq!(answer.status, 413, "{answer:?}");
    device.expect_end().await;
    stage.says_often(2, &["413: a body of more than 98304 bytes"]).await;
    // As long as may be.
    let mut device = stage.https().await;
    let body = format!("{}{{}}", " ".repeat(98_302));
    assert_eq!(device.request(&put, &body).await.status, 202);
}

#[tokio::test]
async fn an_answer_is_heard_by_those_who_send_all_of_their_body_first() {
    let stage = Stage::start().await;
    let put = |id: &str, token: &str| {
        format!(
            "PUT /{SCOPE}/registrations/{id}/register?api-version=2019-03-31 HTTP/1.1\r\nHost: h\r\nAuthorization: {token}\r\n"
        )
    };
    // More than the buffers of both sockets hold: it would break off if nobody took it.
    let mut device = stage.https().await;
    let body = format!("{{\"payload\":\"{}\"}}", "x".repeat(8 << 20));
    let answer = device.request(&put("dev1", &token("dev1")), &body).await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")), "{answer:?}");
    device.expect_end().await;
    // One that is refused for another reason, and may be of any length up to there, leaves the connection as it was.
    let mut device = stage.https().await;
    for body in ["x".repeat(90_000), "{}".to_owned()] {
        assert_eq!(device.request(&put("dev1", "none"), &body).await.status, 401);
    }
    assert_eq!(device.request(&put("dev1", &token("dev1")), "{}").await.status, 202);
    // Who asks first whether to send it hears the refusal in place of "100 Continue".
    let mut device = stage.https().await;
    device
        .send(format!("{}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", put("dev1", "none")).as_bytes())
        .await;
    assert_eq!(device.response().await.status, 401);
    device.expect_end().await;
}

#[tokio::test]
async fn invalid_http_ends_the_connection_with_a_line_that_says_why() {
    let stage = Stage::start().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(40_000));
    let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(2_000));
    let lengths =
        format!("{}Content-Length: 1\r\nContent-Length: 2\r\n\r\n", head("PUT", "dev1", "/register"));
    let no_number = format!("{}Content-Length: -1\r\n\r\n", head("PUT", "dev1", "/register"));
    for (bytes, statuses) in [
        (&b"GET\r\n\r\n"[..], &["400"][..]),
        // HTTP/2 gets no answer: there is none it would understand.
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[""]),
        (long.as_bytes(), &["414", "431"]),
        (headers.as_bytes(), &["431"]),
        (lengths.as_bytes(), &["400"]),
        (no_number.as_bytes(), &["400"]),
    ] {
        let mut device = stage.https().await;
        let port = device.stream.get_ref().0.local_addr().unwrap().port();
        device.send(bytes).await;
        let answer = String::from_utf8(device.rest().await).unwrap();
        let status = answer.get(9..12).unwrap_or_default();
        assert!(statuses.contains(&status), "{answer:?} to {:?}", String::from_utf8_lossy(bytes));
        stage.says(&[&format!("HTTPS 127.0.0.1:{port}: "), "connection closed"]).await;
    }
}

#[tokio::test]
async fn slow_devices_are_disconnected() {
    let stage = Stage::with(|options| options.timeout = Duration::from_secs(1)).await;
    // Nothing, then half a head, then half a body.
    stage.https().await.expect_end().await;
    stage.says(&["HTTPS 127.0.0.1:", "nothing was sent within 1 s; connection closed"]).await;
    let mut half = stage.https().await;
    half.send(b"PUT /x HTT").await;
    let mut device = stage.https().await;
    device.send(format!("{}Content-Length: 9\r\n\r\n{{", head("PUT", "dev1", "/register")).as_bytes()).await;
    let answer = device.response().await;
    assert_eq!((answer.status, answer.json()["errorCode"].as_u64()), (408, Some(408_000)), "{answer:?}");
    device.expect_end().await;
    stage.says(&["408: the body is incomplete after 1 s"]).await;
    // Gone in the middle of a body.
    let mut device = stage.https().await;
    device.send(format!("{}Content-Length: 9\r\n\r\n{{", head("PUT", "dev1", "/register")).as_bytes()).await;
    drop(device);
    // Others are served all the while.
    let mut device = stage.https().await;
    assert_eq!(device.request(&head("PUT", "dev1", "/register"), "{}").await.status, 202);
    // The half head ends, and so does a device that asks nothing more.
    half.expect_end().await;
    device.expect_end().await;
    stage.says_often(2, &["HTTPS 127.0.0.1:", "no request within 12 s; connection closed"]).await;
}

#[test]
fn no_bytes_harm_the_service() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::start());
    let whole = format!("{}Content-Length: 2\r\n\r\n{{}}", head("PUT", "dev1", "/register"));
    let damage = prop::collection::vec((0..whole.len(), any::<u8>()), 0..4);
    let mut runner = TestRunner::new(Cases::with_cases(100));
    let harmless = runner.run(&(damage, prop::collection::vec(any::<u8>(), 0..40)), |(damage, tail)| {
        let mut bytes = whole.clone().into_bytes();
        for (place, byte) in damage {
            bytes[place] = byte;
        }
        bytes.extend(tail);
        runtime.block_on(async {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut device = stage.https().await;
            // The service may disconnect in the middle.
            let _ = device.stream.write_all(&bytes).await;
            let _ = device.stream.shutdown().await;
            let mut answer = Vec::new();
            let rest = device.stream.read_to_end(&mut answer);
            let _ = tokio::time::timeout(DEADLINE, rest).await.expect("the connection should end");
        });
        Ok(())
    });
    harmless.unwrap();
    assert_eq!(stage.lines(&["panic"]), 0, "{}", stage.whole_log());
    runtime.block_on(async {
        let mut device = stage.https().await;
        assert_eq!(device.request(&head("PUT", "dev1", "/register"), "{}").await.status, 202);
    });
}
