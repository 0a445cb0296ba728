use std::env::VarError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dps_custom_allocation::lookups::{Client, Credential, Http, Identity, Lookups, Network, SecretHeader};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{ask, ask_all, told};
use crate::authority::Certificate;
use crate::service::{Does, Service, answer};

fn unset(_: &str) -> Result<String, VarError> {
    Err(VarError::NotPresent)
}

fn client() -> Client {
    Client::new(&Network::new(unset).unwrap())
}

/// A look-up at `url`, which has its values where it says `{}`.
fn http(url: &str, credential: Credential, client: Client) -> Result<Http, String> {
    let literals = url.split("{}").map(str::to_owned).collect();
    Http::new(literals, credential, client).map_err(|mistake| mistake.to_string())
}

/// Asks `service` for `/devices/<value>`.
async fn get(service: &Service) -> (Value, String) {
    let url = format!("http://{}/devices/{{}}", service.address);
    told(ask(http(&url, Credential::None, client()).unwrap(), &[json!("toaster-7")], None).await)
}

#[tokio::test]
async fn an_object_is_found_and_404_is_nothing() {
    let service = Service::start(|_| answer("200 OK", r#"{"hub":"contoso-a","n":1}"#)).await;
    let (found, line) = get(&service).await;
    assert_eq!(found, json!({ "hub": "contoso-a", "n": 1 }));
    assert_eq!(line, format!("Look-up device (GET http://{}): found", service.address));
    assert_eq!(
        service.requests(),
        [format!(
            "GET /devices/toaster-7 HTTP/1.1\r\naccept: application/json\r\nuser-agent: dps-custom-allocation\r\nhost: {}\r\n\r\n",
            service.address
        )]
    );

    let service = Service::start(|_| answer("200 OK", "\u{feff}{}")).await;
    assert_eq!(get(&service).await.0, json!({}));

    let service = Service::start(|_| answer("404 Not Found", "no such device")).await;
    let (found, line) = get(&service).await;
    assert_eq!(found, Value::Null);
    assert_eq!(line, format!("Look-up device (GET http://{}): nothing found", service.address));
}

#[tokio::test]
async fn anything_else_means_ask_again() {
    let table = [
        (answer("500 Internal Server Error", "secret"), "it answered 500"),
        (answer("401 Unauthorized", ""), "it answered 401"),
        (answer("204 No Content", ""), "it answered 204"),
        (
            Does::Writes(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 2\r\n\r\n{}".into()),
            "it answered 302",
        ),
        (answer("200 OK", "<html>"), "its answer: invalid JSON at line 1, column 1"),
        (answer("200 OK", "{\n\"secret\": }"), "its answer: invalid JSON at line 2, column 11"),
        (answer("200 OK", ""), "its answer: invalid JSON at line 1, column 0"),
        (answer("200 OK", "{} {}"), "its answer: invalid JSON at line 1, column 4"),
        (answer("200 OK", "\"secret\""), "its answer: expected a JSON object"),
        (answer("200 OK", "[{}]"), "its answer: expected a JSON object"),
        (answer("200 OK", "null"), "its answer: expected a JSON object"),
        (
            answer("200 OK", &format!("{{\"a\":{}", "[".repeat(100_000))),
            "its answer: invalid JSON at line 1, column 132",
        ),
        (answer("200 OK", &format!("{{\"a\":\"{}\"}}", "x".repeat(1024 * 1024))), "its answer is too large"),
        (Does::WritesOnAndOn(b"HTTP/1.1 200 OK\r\n\r\n"), "its answer is too large"),
        (Does::WritesOnAndOn(b"HTTP/1.1 200 OK\r\nA: b\r\n"), "its answer is not HTTP"),
        (
            Does::Writes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}".into()),
            "the connection broke off",
        ),
        (Does::Writes(b"HTTP/1.1 200 OK\r\n".into()), "the connection broke off"),
        (Does::Writes(b"".into()), "the connection broke off"),
        (Does::Writes(b"SSH-2.0-OpenSSH_9.2\r\n".into()), "its answer is not HTTP"),
    ];
    for (does, reason) in table {
        let service = Service::start({
            let does = does.clone();
            move |_| does.clone()
        })
        .await;
        let (found, line) = get(&service).await;
        let does = format!("{does:.1000?}");
        assert_eq!(found, format!("Look-up device: {reason}"), "{does}");
        assert_eq!(line, format!("Look-up device (GET http://{}): {reason}", service.address), "{does}");
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_means_ask_again() {
    let gone = Service::start(|_| Does::HangsAfter(b"")).await.address;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_ne!(gone, free);
    for (host, reason) in [
        (free.to_string(), "connection refused"),
        ("nowhere.invalid".to_owned(), "its host name cannot be resolved"),
    ] {
        let lookup = http(&format!("http://{host}/"), Credential::None, client()).unwrap();
        let (found, _) = told(ask(lookup, &[], None).await);
        assert_eq!(found, format!("Look-up device: {reason}"));
    }
}

#[tokio::test]
async fn one_that_hangs_costs_the_deadline_and_no_more() {
    let services = [
        Service::start(|_| Does::HangsAfter(b"")).await,
        Service::start(|_| Does::HangsAfter(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")).await,
    ];
    for service in services {
        let mut lookups = Lookups::new(Duration::from_millis(300));
        let url = format!("http://{}/", service.address);
        lookups.add("device", Box::new(http(&url, Credential::None, client()).unwrap()));
        let answers = futures_util::future::join_all((0..64).map(|_| ask_all(&lookups, &[], None))).await;
        for answers in answers {
            assert_eq!(told(answers).0, "Look-up device: no answer within 300 ms");
        }
    }
}

#[tokio::test]
async fn values_are_percent_encoded_and_stay_where_they_are() {
    let service = Service::start(|_| answer("200 OK", "{}")).await;
    let url = format!("http://{}/a/{{}}/b?c={{}}", service.address);
    let table = [
        (json!("toaster-7._~"), json!("x"), "/a/toaster-7._~/b?c=x"),
        (json!("a:b"), json!("&d=e#f"), "/a/a%3Ab/b?c=%26d%3De%23f"),
        (json!("../x"), json!("\r\nHost: y"), "/a/..%2Fx/b?c=%0D%0AHost%3A%20y"),
        (json!("ü😀"), json!("%41+ "), "/a/%C3%BC%F0%9F%98%80/b?c=%2541%2B%20"),
        (json!(5), json!(true), "/a/5/b?c=true"),
        (json!(1.5), json!({ "a": [1] }), "/a/1.5/b?c=%7B%22a%22%3A%5B1%5D%7D"),
    ];
    for (at, (first, second, path)) in table.into_iter().enumerate() {
        let lookup = http(&url, Credential::None, client()).unwrap();
        assert_eq!(lookup.parameters(), 2);
        assert_eq!(told(ask(lookup, &[first, second], None).await).0, json!({}));
        assert!(
            service.requests()[at].starts_with(&format!("GET {path} HTTP/1.1\r\n")),
            "{:?}",
            service.requests()
        );
    }
    let long = json!("x".repeat(100_000));
    for (values, reason) in [
        (vec![json!(""), json!("a")], "value 1 of the URL is \"\""),
        (vec![json!("a"), json!(null)], "value 2 of the URL is \"\""),
        (vec![json!("."), json!("a")], "value 1 of the URL is \".\""),
        (vec![json!("a"), json!("..")], "value 2 of the URL is \"..\""),
        (vec![json!("a")], "value 2 of the URL is \"\""),
        (vec![long.clone(), long], "the URL is too long"),
    ] {
        let lookup = http(&url, Credential::None, client()).unwrap();
        assert_eq!(told(ask(lookup, &values, None).await).0, format!("Look-up device: {reason}"));
    }
    assert_eq!(service.requests().len(), 6);
}

#[test]
fn a_wrong_url_is_a_mistake() {
    let table = [
        ("", "expected a URL that begins with https:// or http://"),
        ("/devices/{}", "expected a URL that begins with https:// or http://"),
        ("ftp://contoso.com/{}", "expected a URL that begins with https:// or http://"),
        ("{}", "expected a URL that begins with https:// or http://"),
        ("https://{}.contoso.com/", "a value is allowed in the URL's path or query, not in its host"),
        ("https://contoso.com{}", "a value is allowed in the URL's path or query, not in its host"),
        (
            "https://user:secret@contoso.com/",
            "the URL must not contain a user name or password; use a header",
        ),
        ("https://contoso.com/{}#a", "the URL must not contain a fragment (#)"),
        ("https:///{}", "the URL is not valid"),
        ("https://contoso.com:port/{}", "the URL is not valid"),
        ("https://contoso.com/a b/{}", "the URL is not valid"),
    ];
    for (url, mistake) in table {
        assert_eq!(http(url, Credential::None, client()).unwrap_err(), mistake, "{url}");
    }
    for url in
        ["https://contoso.com", "https://contoso.com?id={}", "http://[::1]:7071/{}", "http://localhost/{}/{}"]
    {
        assert!(http(url, Credential::None, client()).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn a_header_can_be_the_credential_and_is_shown_nowhere() {
    let service = Service::start(|_| answer("403 Forbidden", "")).await;
    let header = SecretHeader::new("x-functions-key", "s3cr3t").unwrap();
    let url = format!("http://{}/devices?code=als0-s3cr3t", service.address);
    let lookup = http(&url, Credential::Header(header), client()).unwrap();
    assert!(
        !format!("{:?}", Credential::Header(SecretHeader::new("a", "s3cr3t").unwrap())).contains("s3cr3t")
    );
    let (found, line) = told(ask(lookup, &[], None).await);
    assert_eq!(found, "Look-up device: it answered 403");
    assert_eq!(line, format!("Look-up device (GET http://{}): it answered 403", service.address));
    assert!(service.requests()[0].contains("\r\nx-functions-key: s3cr3t\r\n"), "{:?}", service.requests());

    assert_eq!(SecretHeader::new("a b", "c").unwrap_err().to_string(), "\"a b\" is not a valid header name");
    assert_eq!(
        SecretHeader::new("a", "s3cr3t\r\n").unwrap_err().to_string(),
        "the header's value contains a character that headers do not allow"
    );
}

/// The settings of an app with a managed identity whose endpoint is `service`.
fn with_identity(service: &Service) -> impl Fn(&str) -> Result<String, VarError> {
    let endpoint = format!("http://{}/msi/token", service.address);
    move |name| match name {
        "IDENTITY_ENDPOINT" => Ok(endpoint.clone()),
        "IDENTITY_HEADER" => Ok("853b9a84".to_owned()),
        _ => Err(VarError::NotPresent),
    }
}

fn token(expires_in: u64) -> Does {
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + expires_in;
    let body = json!({ "access_token": "t0ken", "expires_on": expires.to_string(), "resource": "x", "token_type": "Bearer" });
    answer("200 OK", &body.to_string())
}

#[tokio::test]
async fn the_managed_identity_gives_a_token_that_is_kept_until_it_is_about_to_end() {
    for (expires_in, fetched) in [(24 * 3600, 1), (60, 3)] {
        let endpoint = Service::start(move |_| token(expires_in)).await;
        let service = Service::start(|_| answer("200 OK", "{}")).await;
        let identity = Identity::new("api://contoso devices", with_identity(&endpoint), client());
        for _ in 0..3 {
            let url = format!("http://{}/", service.address);
            let credential = Credential::Identity(identity.clone());
            assert_eq!(told(ask(http(&url, credential, client()).unwrap(), &[], None).await).0, json!({}));
        }
        for request in service.requests() {
            assert!(request.contains("\r\nauthorization: Bearer t0ken\r\n"), "{request}");
        }
        let requests = endpoint.requests();
        assert_eq!(requests.len(), fetched, "{requests:?}");
        assert!(
            requests[0].starts_with(
                "GET /msi/token?api-version=2019-08-01&resource=api%3A%2F%2Fcontoso%20devices HTTP/1.1\r\n"
            ),
            "{requests:?}"
        );
        assert!(requests[0].contains("\r\nx-identity-header: 853b9a84\r\n"), "{requests:?}");
    }
}

#[tokio::test]
async fn without_a_token_the_service_is_not_asked() {
    let table = [
        (answer("400 Bad Request", "s3cr3t"), "its endpoint answered 400"),
        (answer("200 OK", "s3cr3t"), "its endpoint gave an unexpected answer"),
        (answer("200 OK", r#"{"access_token":"t0ken"}"#), "its endpoint gave an unexpected answer"),
        (
            answer("200 OK", r#"{"access_token":"t0\nken","expires_on":"5"}"#),
            "its endpoint gave an unexpected answer",
        ),
        (Does::Writes(Vec::new()), "the connection broke off"),
    ];
    for (does, reason) in table {
        let endpoint = Service::start(move |_| does.clone()).await;
        let service = Service::start(|_| answer("200 OK", "{}")).await;
        let identity = Identity::new("api://devices", with_identity(&endpoint), client());
        let mut lookups = Lookups::new(crate::http::DEADLINE);
        let url = format!("http://{}/", service.address);
        lookups.add("device", Box::new(http(&url, Credential::Identity(identity), client()).unwrap()));
        // All of one moment share one failure.
        for answers in futures_util::future::join_all((0..64).map(|_| ask_all(&lookups, &[], None))).await {
            assert_eq!(
                told(answers).0,
                format!("Look-up device: no token of the managed identity: {reason}")
            );
        }
        assert_eq!(endpoint.requests().len(), 1);
        assert_eq!(service.requests().len(), 0);
    }
    let identity = Identity::new("api://devices", unset, client());
    let lookup = http("http://127.0.0.1/", Credential::Identity(identity), client()).unwrap();
    assert_eq!(
        told(ask(lookup, &[], None).await).0,
        "Look-up device: no token of the managed identity: the app has none (IDENTITY_ENDPOINT is not set)"
    );
}

#[tokio::test]
async fn tls_is_verified_against_the_built_in_authorities_and_those_of_ssl_cert_file() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("ca.pem").display().to_string();
    let (right, other) = (Certificate::of("localhost"), Certificate::of("contoso.com"));
    std::fs::write(&certificates, format!("{}{}", right.certificate, other.certificate)).unwrap();
    let trusting = |name: &str| match name {
        "SSL_CERT_FILE" => Ok(certificates.clone()),
        _ => Err(VarError::NotPresent),
    };
    let trusting = Client::new(&Network::new(trusting).unwrap());

    let table = [
        (&right, trusting.clone(), json!({})),
        (&other, trusting, json!("Look-up device: its certificate is for another name")),
        (
            &right,
            client(),
            json!("Look-up device: its certificate has an unknown issuer (SSL_CERT_FILE can add one)"),
        ),
    ];
    for (certificate, client, expected) in table {
        let service = Service::start_with_tls(certificate, |_| answer("200 OK", "{}")).await;
        let url = format!("https://localhost:{}/", service.address.port());
        let (found, line) = told(ask(http(&url, Credential::None, client).unwrap(), &[], None).await);
        assert_eq!(found, expected);
        assert!(
            line.starts_with(&format!("Look-up device (GET https://localhost:{}): ", service.address.port()))
        );
    }

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    assert_eq!(
        told(ask(http(&url, Credential::None, client()).unwrap(), &[], None).await).0,
        "Look-up device: TLS failed"
    );
}

#[tokio::test]
async fn certificates_that_cannot_be_read_leave_the_built_in_ones() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("ca.pem").display().to_string();
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nno base64\n-----END CERTIFICATE-----\n").unwrap();
    let service = Service::start_with_tls(&Certificate::of("localhost"), |_| answer("200 OK", "{}")).await;
    for path in ["/nowhere.pem", "/dev/null", "", &broken] {
        let client = Client::new(&Network::new(|_| Ok(path.to_owned())).unwrap());
        let url = format!("https://localhost:{}/", service.address.port());
        assert_eq!(
            told(ask(http(&url, Credential::None, client).unwrap(), &[], None).await).0,
            "Look-up device: its certificate has an unknown issuer (SSL_CERT_FILE can add one)",
            "{path}"
        );
    }
}
