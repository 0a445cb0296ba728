use std::env::VarError;
use std::time::{Duration, Instant};

use dps_custom_allocation::lookups::{Lookups, Network, Sql};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{ask, ask_all, told};
use crate::authority::Certificate;
use crate::postgresql::Postgresql;

fn network() -> Network {
    Network::new(|_| Err(VarError::NotPresent)).unwrap()
}

fn sql(url: &str, query: &str, parameters: usize) -> Result<Sql, String> {
    Sql::new("DEVICES_URL", url, query, parameters, &network()).map_err(|mistake| mistake.to_string())
}

async fn find(url: &str, query: &str, values: &[Value]) -> (Value, String) {
    told(ask(sql(url, query, values.len()).unwrap(), values, None).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_becomes_an_object() {
    let server = Postgresql::start();
    server.psql(
        "CREATE TABLE devices (id text PRIMARY KEY, n integer, hub text, since timestamptz, tags jsonb);
         INSERT INTO devices VALUES ('toaster-7', 7, 'contoso-a', '2026-11-25 10:00Z', '{\"site\":[1]}'), ('b', 8, NULL, NULL, NULL)",
    );
    let url = server.url("");
    let row = json!({ "hub": "contoso-a", "since": "2026-11-25T10:00:00+00:00", "tags": { "site": [1] } });
    let (found, line) =
        find(&url, "select hub, since, tags from devices where id = $1", &[json!("toaster-7")]).await;
    assert_eq!(found, row);
    assert_eq!(line, "Look-up device (PostgreSQL at DEVICES_URL): found");
    let (found, line) = find(&url, "select * from devices where id = $1", &[json!("nobody")]).await;
    assert_eq!(found, Value::Null);
    assert_eq!(line, "Look-up device (PostgreSQL at DEVICES_URL): nothing found");

    // A parameter takes the type that the query gives it; the query may be written as people write it.
    let table: &[(&str, &[Value], Value)] = &[
        ("select hub from devices where n = $1;\n", &[json!(7)], json!({ "hub": "contoso-a" })),
        ("select hub from devices where n = $1 -- by number", &[json!("7")], json!({ "hub": "contoso-a" })),
        ("select hub from devices where id = $1", &[json!("' or true --")], Value::Null),
        ("select hub from devices where id = $1", &[json!(null)], Value::Null),
        (
            "select hub from devices where tags @> $1",
            &[json!({ "site": [1] })],
            json!({ "hub": "contoso-a" }),
        ),
        (
            "with d as (select * from devices where id = $2 and n = $1) select hub, $1::int + 1 as next from d",
            &[json!(8), json!("b")],
            json!({ "hub": null, "next": 9 }),
        ),
        ("select n from devices order by n desc limit 1", &[], json!({ "n": 8 })),
        ("select '$9' as \"$8\" /* $7 */ where $1::bool", &[json!(true)], json!({ "$8": "$9" })),
    ];
    for (query, values, expected) in table {
        assert_eq!(find(&url, query, values).await.0, *expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_fails_means_ask_again_and_says_why() {
    let server = Postgresql::start();
    server.psql(
        "CREATE TABLE devices AS SELECT n, repeat('x', 1024 * 1024) AS text FROM generate_series(1, 3) AS n",
    );
    let url = server.url("");
    let table: &[(&str, &[Value], &str)] = &[
        ("select n from devices", &[], "the query returned more than one row"),
        ("select text from devices where n = 1", &[], "its row is too large"),
        ("select * from nothing", &[], "PostgreSQL error 42P01: relation \"nothing\" does not exist"),
        ("select colour from devices", &[], "PostgreSQL error 42703: column \"colour\" does not exist"),
        ("select n from", &[], "PostgreSQL error 42601: syntax error at or near \")\""),
        ("delete from devices returning n", &[], "PostgreSQL error 42601: syntax error at or near \"from\""),
        (
            "select n from devices where n = $1",
            &[json!("s3cr3t")],
            "PostgreSQL error 22P02: a parameter's value does not fit the query",
        ),
        (
            "select n from devices where text = $1",
            &[json!("\0")],
            "PostgreSQL error 22021: a parameter's value does not fit the query",
        ),
    ];
    for (query, values, reason) in table {
        let (found, line) = find(&url, query, values).await;
        assert_eq!(found, format!("Look-up device: {reason}"), "{query}");
        assert_eq!(line, format!("Look-up device (PostgreSQL at DEVICES_URL): {reason}"), "{query}");
    }
    let other = url.replace("%40", "x");
    let (found, _) = find(&other, "select 1 as one", &[]).await;
    assert_eq!(found, "Look-up device: PostgreSQL error 28P01: the user was rejected");
    let other = format!("{}s3cr3t", url.trim_end_matches("postgres"));
    let (found, _) = find(&other, "select 1 as one", &[]).await;
    assert_eq!(found, "Look-up device: PostgreSQL error 3D000: the database does not exist");
    let other = url.replace("127.0.0.1", "nowhere.invalid");
    let (found, _) = find(&other, "select 1 as one", &[]).await;
    assert_eq!(found, "Look-up device: its host name cannot be resolved");
    assert_eq!(server.psql("SELECT count(*) FROM devices"), "3\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_url_says_how_the_server_is_reached() {
    let certificate = Certificate::of("localhost");
    let with_tls = Postgresql::start_with_tls(&certificate.certificate, &certificate.key);
    let without = Postgresql::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &certificate.certificate).unwrap();
    let trusting = Network::new(move |_| Ok(path.display().to_string())).unwrap();

    let localhost =
        |server: &Postgresql, options: &str| server.url(options).replace("127.0.0.1", "localhost");
    let socket = format!(
        "postgres://postgres:p%40ss%3A%2F%3F%23w%25rd@/postgres?host={}&port={}",
        without.folder().display(),
        without.port
    );
    let several = without.url("").replace("127.0.0.1", "nowhere.invalid:1,127.0.0.1");
    let table = [
        (localhost(&with_tls, ""), trusting.clone(), json!({ "ssl": true })),
        (localhost(&with_tls, "?sslmode=require"), trusting.clone(), json!({ "ssl": true })),
        (localhost(&with_tls, "?sslmode=verify-full"), trusting.clone(), json!({ "ssl": true })),
        (localhost(&with_tls, "?channel_binding=require"), trusting.clone(), json!({ "ssl": true })),
        (localhost(&with_tls, "?sslmode=disable"), trusting.clone(), json!({ "ssl": false })),
        (with_tls.url(""), trusting, json!("Look-up device: its certificate is for another name")),
        (
            localhost(&with_tls, ""),
            network(),
            json!("Look-up device: its certificate has an unknown issuer (SSL_CERT_FILE can add one)"),
        ),
        (localhost(&without, ""), network(), json!({ "ssl": false })),
        (without.url(""), network(), json!({ "ssl": false })),
        (without.url("?application_name=mine"), network(), json!({ "ssl": false })),
        (socket, network(), json!({ "ssl": false })),
        (several, network(), json!("Look-up device: its host name cannot be resolved")),
        (
            without.url("?sslmode=require"),
            network(),
            json!(
                "Look-up device: the server does not offer TLS (sslmode=disable in the URL allows plain connections)"
            ),
        ),
    ];
    for (url, network, expected) in table {
        let query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        let lookup = Sql::new("DEVICES_URL", &url, query, 0, &network).unwrap();
        assert_eq!(told(ask(lookup, &[], None).await).0, expected, "{url}");
    }
}

#[test]
fn a_wrong_look_up_is_a_mistake() {
    let url = "postgresql://s3cr3t:s3cr3t@localhost/s3cr3t";
    let no_url = "the app setting DEVICES_URL: expected a URL, postgresql://user:password@host:5432/database, \
                  with supported options";
    let no_host = "the app setting DEVICES_URL: expected one or more hosts, or the folder of a socket";
    let table = [
        ("", "select 1", 0, no_url),
        ("host=localhost user=s3cr3t", "select 1", 0, no_url),
        ("mysql://s3cr3t@localhost/a", "select 1", 0, no_url),
        ("postgresql://s3cr3t@localhost:port/a", "select 1", 0, no_url),
        ("postgresql://s3cr3t@localhost/a?sslrootcert=s3cr3t", "select 1", 0, no_url),
        ("postgresql:///s3cr3t", "select 1", 0, no_host),
        ("postgresql://s3cr3t@localhost,%2Ftmp/a", "select 1", 0, no_host),
        (url, " ", 0, "the query is empty"),
        (url, "select $1", 0, "the query has a parameter $1, expected 0 in all"),
        (url, "select $0", 1, "the query has a parameter $0, expected 1 in all"),
        (url, "select $2", 2, "the query has no parameter $1"),
        (url, "select '$1', \"$1\" -- $1\n /* $1 */, a$1", 1, "the query has no parameter $1"),
    ];
    for (url, query, parameters, mistake) in table {
        assert_eq!(sql(url, query, parameters).unwrap_err(), mistake, "{url} {query}");
    }
    assert!(!format!("{:?}", sql(url, "select 1", 0)).contains("s3cr3t"));
}

#[tokio::test]
async fn every_parameter_has_a_value() {
    let lookup = sql("postgresql://localhost/a", "select $1", 1).unwrap();
    assert_eq!(told(ask(lookup, &[], None).await).0, "Look-up device: expected 1 values, found 0");
}

/// 64 at once: what each was told.
async fn crowd(lookups: &Lookups) -> Vec<Value> {
    let answers = join_all((0..64).map(|_| ask_all(lookups, &[], None))).await;
    answers.into_iter().map(|answers| told(answers).0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_is_found_again() {
    let mut server = Postgresql::start();
    let mut lookups = Lookups::new(crate::http::DEADLINE);
    lookups.add("device", Box::new(sql(&server.url(""), "select 1 as one", 0).unwrap()));
    let found = crowd(&lookups).await;
    assert_eq!(found, vec![json!({ "one": 1 }); 64]);
    let connections =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dps-custom-allocation'";
    assert_eq!(server.psql(connections), "8\n");

    server.stop();
    // At once, and not when the time is over.
    for found in crowd(&lookups).await {
        // A connection that was open when the server stopped breaks off.
        let at_once = ["Look-up device: connection refused", "Look-up device: the connection broke off"];
        assert!(found.as_str().is_some_and(|found| at_once.contains(&found)), "{found}");
    }

    server.run_again();
    let found = crowd(&lookups).await;
    assert_eq!(found, vec![json!({ "one": 1 }); 64]);

    // One that takes connections and says nothing, and holds those that are open.
    let mut hurried = Lookups::new(Duration::from_secs(2));
    hurried.add("device", Box::new(sql(&server.url(""), "select 1 as one", 0).unwrap()));
    server.pause();
    let found = crowd(&hurried).await;
    assert_eq!(found, vec![json!("Look-up device: no answer within 2 s"); 64]);

    server.resume();
    let found = crowd(&lookups).await;
    assert_eq!(found, vec![json!({ "one": 1 }); 64]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_too_long_is_cancelled() {
    let server = Postgresql::start();
    let mut lookups = Lookups::new(Duration::from_millis(500));
    lookups.add("device", Box::new(sql(&server.url(""), "select 1 as one from pg_sleep(600)", 0).unwrap()));
    let found = crowd(&lookups).await;
    assert_eq!(found, vec![json!("Look-up device: no answer within 500 ms"); 64]);
    let deadline = Instant::now() + crate::http::DEADLINE;
    let running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dps-custom-allocation'";
    while server.psql(running) != "0\n" {
        assert!(Instant::now() < deadline, "{}", server.psql("SELECT * FROM pg_stat_activity"));
    }
}
