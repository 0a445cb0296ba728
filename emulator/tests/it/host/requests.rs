//! What the host makes of a caller's request for the handler.
//!
//! The rules: <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#request-payload>.

use functions_host::{Framing, FunctionKeys};
use serde_json::{Value, json};

use super::App;

const JSON: &str = "Content-Type: application/json";

#[tokio::test]
async fn point_04_routes_prefixes_and_methods() {
    let app = App::new();
    app.function("Devices", json!({"authLevel": "anonymous", "route": "devices/{id:int}/{part?}"}));
    let running = app.run().await;
    for (method, target, status) in [
        ("POST", "/api/HttpTrigger1", 200),
        ("GET", "/api/HttpTrigger1", 200),
        ("POST", "/API/httptrigger1/", 200),
        ("DELETE", "/api/HttpTrigger1", 404),
        ("POST", "/api/HttpTrigger2", 404),
        ("POST", "/api/HttpTrigger1/more", 404),
        ("POST", "/HttpTrigger1", 404),
        ("POST", "/apiHttpTrigger1", 404),
        ("PATCH", "/api/devices/7", 200),
        ("POST", "/api/devices/seven", 404),
        ("POST", "/api/Devices", 404),
        ("GET", "/", 200),
        ("POST", "/", 404),
    ] {
        let answered = running.send(method, target, &[], "").await;
        assert_eq!(answered.status, status, "{method} {target}: {answered:?}");
        if status == 404 {
            assert_eq!(answered.summary(), (404, "-", ""), "{method} {target}");
        }
    }
    let envelope = running.envelope("PUT", "/api/devices/7", &[], "").await;
    assert_eq!(envelope["Data"]["req"]["Params"], json!({"id": "7", "part": null}));
    assert_eq!(envelope["Metadata"]["id"], "\"7\"");
    assert_eq!(envelope["Metadata"].get("part"), None);
}

#[tokio::test]
async fn point_04_the_route_prefix_is_a_setting() {
    for (prefix, target) in [("", "/HttpTrigger1"), ("v1/hooks", "/v1/hooks/HttpTrigger1")] {
        let app = App::new();
        app.host_json("/extensions", json!({"http": {"routePrefix": prefix}}));
        let running = app.run().await;
        assert_eq!(running.send("POST", target, &[], "").await.status, 200, "{target}");
        assert_eq!(running.send("POST", "/api/HttpTrigger1", &[], "").await.status, 404, "{prefix:?}");
        let expected = format!("http://localhost:{}{target}", running.address().port());
        assert_eq!(running.host.functions()[0].url, expected);
    }
}

#[tokio::test]
async fn point_04_a_key_is_required_where_keys_are_on() {
    let app = App::new();
    app.function("Admin", json!({"authLevel": "admin"}));
    app.function("Open", json!({"authLevel": "anonymous"}));
    let keys =
        FunctionKeys { master: Some("the-master".to_owned()), ..FunctionKeys::with_default("the-key") };
    let running = app.run_with(|options| options.keys = Some(keys)).await;
    let key = |key: &str| format!("x-functions-key: {key}");
    for (target, header, status, level) in [
        ("/api/HttpTrigger1", None, 401, None),
        ("/api/HttpTrigger1", Some("mistaken"), 401, None),
        ("/api/HttpTrigger1", Some(""), 401, None),
        ("/api/HttpTrigger1", Some("the-key"), 200, Some("Function default")),
        ("/api/HttpTrigger1", Some("the-master"), 200, Some("Admin master")),
        ("/api/HttpTrigger1?code=the-key", None, 200, Some("Function default")),
        // The header wins.
        ("/api/HttpTrigger1?code=the-key", Some("mistaken"), 401, None),
        ("/api/Admin", Some("the-key"), 401, None),
        ("/api/Admin", Some("the-master"), 200, Some("Admin master")),
        ("/api/Open", None, 200, None),
        ("/api/Open", Some("mistaken"), 200, None),
        ("/api/Open", Some("the-key"), 200, Some("Function default")),
    ] {
        let headers: Vec<String> = header.map(key).into_iter().collect();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answered = running.send("POST", target, &headers, "").await;
        assert_eq!(answered.status, status, "{target} {header:?}: {answered:?}");
        if status == 401 {
            assert_eq!(answered.summary(), (401, "-", ""));
            continue;
        }
        let echo: Value = serde_json::from_str(&answered.body).unwrap();
        let envelope: Value = serde_json::from_str(echo["body"].as_str().unwrap()).unwrap();
        let identity = &envelope["Data"]["req"]["Identities"][0];
        let claims: Vec<_> =
            identity["Claims"].as_array().unwrap().iter().map(|claim| &claim["Value"]).collect();
        let expected: Vec<Value> = level
            .map(|level| level.split_once(' ').unwrap())
            .map(|(level, name)| vec![level.into(), "true".into(), name.into()])
            .unwrap_or_default();
        assert_eq!(claims, expected.iter().collect::<Vec<_>>(), "{target} {header:?}");
        assert_eq!(identity["IsAuthenticated"], !expected.is_empty());
    }
    let log = running.log.text();
    assert!(!log.contains("the-key") && !log.contains("the-master") && !log.contains("mistaken"), "{log}");
}

#[tokio::test]
async fn point_05_posts_to_the_function_name_without_query() {
    let app = App::new();
    app.function("Devices", json!({"route": "devices/{id}"}));
    let running = app.run().await;
    for (method, target, line) in [
        ("POST", "/api/HttpTrigger1?code=abc&x=1", "POST /HttpTrigger1"),
        ("GET", "/API/httptrigger1", "POST /HttpTrigger1"),
        ("PUT", "/api/devices/7?y", "POST /Devices"),
    ] {
        assert_eq!(running.echo(method, target, &[], "").await["line"], line, "{method} {target}");
    }
}

#[tokio::test]
async fn point_06_sends_the_hosts_headers_and_none_of_the_callers() {
    let running = App::new().run().await;
    let echo = running.echo("POST", "/api/HttpTrigger1", &["X-Mine: 1", "Cookie: a=b"], "hello").await;
    let mut headers = echo["headers"].as_object().unwrap().clone();
    let id = headers.remove("x-azure-functions-invocationid").unwrap();
    assert!(uuid::Uuid::try_parse(id.as_str().unwrap()).is_ok(), "{id}");
    let host = headers.remove("host").unwrap();
    assert!(host.as_str().unwrap().starts_with("127.0.0.1:"), "{host}");
    let length = echo["body"].as_str().unwrap().len().to_string();
    let expected = json!({
        "content-type": "application/json; charset=utf-8",
        "content-length": length,
        "user-agent": "Azure-Functions-Host/4.1037.0.0",
        "x-azure-functions-hostversion": "4.1037.0.0",
    });
    assert_eq!(Value::from(headers), expected);
}

#[tokio::test]
async fn point_07_frames_the_envelope_either_way() {
    for (framing, present, absent) in [
        (Framing::Chunked, "transfer-encoding", "content-length"),
        (Framing::ContentLength, "content-length", "transfer-encoding"),
    ] {
        let running = App::new().run_with(|options| options.framing = framing).await;
        let headers = &running.echo("POST", "/api/HttpTrigger1", &[], "hello").await["headers"];
        assert!(headers[present].is_string() && headers[absent].is_null(), "{framing:?}: {headers}");
    }
}

#[tokio::test]
async fn point_08_describes_the_request_in_seven_fields() {
    let running = App::new().run().await;
    let headers = [JSON, "X-Twice: a", "x-twice: b"];
    let echo = running.echo("POST", "/api/HttpTrigger1?b=2&a=x+y%2F&B=3&c", &headers, "{\"n\": 5}").await;
    let text = echo["body"].as_str().unwrap();
    let envelope: Value = serde_json::from_str(text).unwrap();
    let request = envelope["Data"]["req"].as_object().unwrap();
    let names: Vec<&str> = request.keys().map(String::as_str).collect();
    assert_eq!(names, ["Url", "Method", "Query", "Headers", "Params", "Identities", "Body"]);
    assert_eq!(request["Url"], "http://localhost:7071/api/HttpTrigger1?b=2&a=x+y%2F&B=3&c");
    assert_eq!(request["Method"], "POST");
    assert_eq!(request["Query"].to_string(), r#"{"b":"2,3","a":"x y/","c":""}"#);
    assert_eq!(
        request["Headers"],
        json!({
            "Host": ["localhost:7071"], "Connection": ["close"], "Content-Type": ["application/json"],
            "Content-Length": ["8"], "X-Twice": ["a", "b"],
        })
    );
    assert_eq!(request["Params"], json!({}));
    assert_eq!(request["Body"], "{\"n\": 5}");
    // Compact, with these members alone.
    assert!(text.starts_with(r#"{"Data":{"req":{"Url":""#), "{text}");
    assert_eq!(envelope.as_object().unwrap().keys().collect::<Vec<_>>(), ["Data", "Metadata"]);
}

#[tokio::test]
async fn point_08_the_body_is_text_or_base64_or_absent() {
    let running = App::new().run().await;
    for (kind, body, expected) in [
        (Some("application/json"), "{\"a\":1}", Some("{\"a\":1}")),
        (Some("application/json"), "{no json", Some("{no json")),
        (Some("text/plain; charset=latin1"), "grüße \u{1F600}\n\"", Some("grüße \u{1F600}\n\"")),
        (None, "abc", Some("abc")),
        (None, "\u{feff}abc", Some("abc")),
        (Some("application/octet-stream"), "abc", Some("YWJj")),
        (Some("Application/Octet-Stream; x=y"), "abc", Some("YWJj")),
        (Some("multipart/form-data; boundary=x"), "--x", Some("LS14")),
        (Some("application/json"), "", None),
    ] {
        let header = kind.map(|kind| format!("Content-Type: {kind}"));
        let headers: Vec<&str> = header.as_deref().into_iter().collect();
        let envelope = running.envelope("POST", "/api/HttpTrigger1", &headers, body).await;
        let sent = envelope["Data"]["req"].get("Body");
        assert_eq!(sent, expected.map(Value::from).as_ref(), "{kind:?} {body:?}");
    }
    // Invalid UTF-8 is replaced; UTF-16 with a byte order mark is decoded.
    for (body, expected) in
        [(&b"a\xffb"[..], "a\u{fffd}b"), (b"\xff\xfea\0b\0", "ab"), (b"\xfe\xff\0a\0b", "ab")]
    {
        let mut request = format!(
            "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let echo: Value = serde_json::from_str(&running.send_raw(&request).await.body).unwrap();
        let envelope: Value = serde_json::from_str(echo["body"].as_str().unwrap()).unwrap();
        assert_eq!(envelope["Data"]["req"]["Body"], expected, "{body:?}");
    }
}

#[tokio::test]
async fn point_09_metadata_encodes_texts_twice() {
    let running = App::new().run().await;
    let body = r#"{"deviceId":"d\"1","n":5,"yes":true,"tags":{"a":[1]},"list":[1],"none":null,"httpTrigger":1,"x":0}"#;
    let envelope = running.envelope("POST", "/api/HttpTrigger1?code=abc&X=1&X=2", &[JSON], body).await;
    let mut metadata = envelope["Metadata"].as_object().unwrap().clone();
    let names: Vec<&str> = metadata.keys().map(String::as_str).collect();
    assert_eq!(names, ["deviceId", "n", "yes", "tags", "x", "Query", "Headers", "sys"]);
    let system = metadata.remove("sys").unwrap();
    assert_eq!(system.as_object().unwrap().keys().collect::<Vec<_>>(), ["MethodName", "UtcNow", "RandGuid"]);
    assert_eq!(system["MethodName"], "HttpTrigger1");
    assert!(system["UtcNow"].as_str().unwrap().ends_with('Z'), "{system}");
    assert!(uuid::Uuid::try_parse(system["RandGuid"].as_str().unwrap()).is_ok(), "{system}");
    assert_eq!(
        Value::from(metadata),
        json!({
            "deviceId": "\"d\\\"1\"", "n": "\"5\"", "yes": "\"True\"", "tags": {"a": [1]}, "x": "\"1,2\"",
            "Query": {"code": "abc", "X": "2"},
            "Headers": {
                "Host": "localhost:7071", "Connection": "close", "Content-Type": "application/json",
                "Content-Length": body.len().to_string(),
            },
        })
    );
}

#[tokio::test]
async fn point_09_the_callers_names_win_over_the_hosts() {
    let running = App::new().run().await;
    let envelope =
        running.envelope("POST", "/api/HttpTrigger1?query=q", &[JSON], r#"{"sys":1,"HEADERS":2}"#).await;
    let names: Vec<&String> = envelope["Metadata"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["sys", "HEADERS", "query", "$sys"]);
    // A body that is not a JSON object binds nothing.
    for body in ["[1]", "{\"a\":1} x", "{\"a\":", "7"] {
        let envelope = running.envelope("POST", "/api/HttpTrigger1", &[JSON], body).await;
        let names: Vec<&String> = envelope["Metadata"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["Query", "Headers", "sys"], "{body}");
    }
}

#[tokio::test]
async fn point_10_says_who_calls() {
    let app = App::new();
    app.function("Open", json!({"authLevel": "anonymous"}));
    let running = app.run().await;
    let claim = json!([{
        "Issuer": "LOCAL AUTHORITY", "OriginalIssuer": "LOCAL AUTHORITY", "Properties": {},
        "Type": "http://schemas.microsoft.com/2017/07/functions/claims/authlevel", "Value": "Admin",
        "ValueType": "http://www.w3.org/2001/XMLSchema#string",
    }]);
    for (target, header, claims) in [
        ("/api/HttpTrigger1", "Accept: */*", &claim),
        ("/api/Open", "Accept: */*", &json!([])),
        ("/api/Open?code=x", "Accept: */*", &claim),
        ("/api/Open", "X-Functions-Key: x", &claim),
    ] {
        let envelope = running.envelope("POST", target, &[header], "").await;
        let known = claims != &json!([]);
        let expected = json!([{
            "AuthenticationType": known.then_some("WebJobsAuthLevel"), "IsAuthenticated": known,
            "Actor": null, "BootstrapContext": null, "Claims": claims, "Label": null, "Name": null,
            "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
            "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        }]);
        assert_eq!(
            envelope["Data"]["req"]["Identities"].to_string(),
            expected.to_string(),
            "{target} {header}"
        );
    }
}

#[tokio::test]
async fn point_11_each_call_has_its_own_id() {
    let running = App::new().run().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let echo = running.echo("POST", "/api/HttpTrigger1", &[], "").await;
        ids.push(echo["headers"]["x-azure-functions-invocationid"].as_str().unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    let log = running.log.text();
    for id in ids {
        assert_eq!(log.matches(&format!("Id={id}")).count(), 2, "Executing and Executed {id} in\n{log}");
    }
}

#[tokio::test]
async fn point_24_too_large_a_body_is_refused_unread() {
    let running = App::new().run().await;
    let head = "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 104857601\r\n\r\n";
    assert_eq!(running.send_raw(head.as_bytes()).await.summary(), (413, "-", ""));
    let call = running.log.call();
    assert_eq!(
        call[1..],
        [
            "Error Executed 'Functions.HttpTrigger1' (Failed, Id=<id>, Duration=<n>ms)",
            "Error Exception while executing function: Functions.HttpTrigger1. expected a body of at most 104857600 bytes, found a Content-Length of 104857601",
        ]
    );
}

#[tokio::test]
async fn point_25_a_chunked_body_is_dropped_and_the_log_says_so() {
    let running = App::new().run().await;
    let request = "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let answered = running.send_raw(request.as_bytes()).await;
    assert_eq!(answered.status, 200);
    let echo: Value = serde_json::from_str(&answered.body).unwrap();
    let envelope: Value = serde_json::from_str(echo["body"].as_str().unwrap()).unwrap();
    assert_eq!(envelope["Data"]["req"].get("Body"), None);
    let call = running.log.call();
    assert_eq!(
        call[1],
        "Warning Functions.HttpTrigger1 (Id=<id>): the caller sent its body in chunks, without a Content-Length: the host gives the handler no body"
    );
}
