//! The simulated device against a service with scripted replies: what it sends, and what it prints.

use std::time::{Duration, Instant};

use devices::{GLOBAL_HOST, HostPort};
use mqtt_protocol_core::mqtt::result_code::ConnectReturnCode;
use symmetric_key::SymmetricKey;

use crate::program::{Ended, closed_port, emulator, run};
use crate::scripted_service::{Protocol, Reply, ScriptedService};

/// The tutorial's group key, published by Microsoft as an example.
const GROUP_KEY: &str =
    "oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==";

const PROTOCOLS: [Protocol; 2] = [Protocol::Mqtt(ConnectReturnCode::Accepted), Protocol::Https];

const ASSIGNING: &str = r#"{"operationId":"4.op-1","status":"assigning"}"#;
const ASSIGNED: &str = r#"{"operationId":"4.op-1","status":"assigned","registrationState":{"registrationId":"contoso-toaster-007","assignedHub":"contoso-toasters-hub-1098.azure-devices.net","deviceId":"contoso-toaster-007","status":"assigned","substatus":"initialAssignment"}}"#;
const FAILED: &str = r#"{"operationId":"4.op-1","status":"failed","registrationState":{"registrationId":"a","status":"failed","errorCode":400207,"errorMessage":"Custom allocation failed with status code: 400","lastUpdatedDateTimeUtc":"2020-09-23T17:05:58.2363145Z"}}"#;

/// What is printed before the device connects.
const BEGIN: &str = "\
Provisioning API Version: VERSION

Registering Device

";

fn register(service: &ScriptedService, protocol: Protocol, more: &[&str]) -> Ended {
    let transport = match protocol {
        Protocol::Mqtt(_) => "mqtt",
        Protocol::Https => "https",
    };
    let host = service.address.to_string();
    let ca = service.ca();
    let mut command =
        emulator(["device", "--registration-id", "contoso-toaster-007", "--id-scope", "0ne00002193"]);
    command
        .args(["--group-key", GROUP_KEY, "--host", &host, "--transport", transport, "--ca"])
        .arg(ca)
        .args(more);
    let mut ended = run(&mut command, "");
    ended.stdout = masked(&ended.stdout);
    ended
}

/// `text` without what differs from run to run and from version to version.
fn masked(text: &str) -> String {
    let line = |line: &str| match line.split_once("Error: Time:") {
        // `Wed Sep 23 13:06:01 2020` has 24 characters.
        Some(("", rest)) => format!("Error: Time:TIME{}\n", &rest[24..]),
        _ => format!("{line}\n"),
    };
    let text: String = text.lines().map(line).collect();
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn an_assigned_device_prints_what_the_tutorial_shows() {
    for protocol in PROTOCOLS {
        let assigning = Reply::Answer(202, Some("1"), ASSIGNING);
        let service = ScriptedService::start(
            protocol,
            [assigning.clone(), assigning, Reply::Answer(200, None, ASSIGNED)],
        );
        let ended = register(&service, protocol, &["--payload", r#" {"b": 1.10, "a":null} "#]);
        let expected = format!(
            "{BEGIN}\
             Provisioning Status: PROV_DEVICE_REG_STATUS_CONNECTED\n\
             Provisioning Status: PROV_DEVICE_REG_STATUS_ASSIGNING\n\
             Provisioning Status: PROV_DEVICE_REG_STATUS_ASSIGNING\n\
             \n\
             Registration Information received from service: contoso-toasters-hub-1098.azure-devices.net, deviceId: contoso-toaster-007\n"
        );
        assert_eq!(
            (ended.code, &ended.stdout, ended.stderr.as_str()),
            (0, &expected, ""),
            "{protocol:?}\n{ended}"
        );

        // The payload goes out as it was typed.
        let body = r#"{"registrationId":"contoso-toaster-007","payload":{"b": 1.10, "a":null}}"#;
        let path = "0ne00002193/registrations/contoso-toaster-007";
        let seen = service.seen();
        let asked = match protocol {
            Protocol::Mqtt(_) => vec![
                format!(
                    "CONNECT contoso-toaster-007 {path}/api-version=2021-06-01&ClientVersion=dps-emulator%2F{}",
                    env!("CARGO_PKG_VERSION")
                ),
                "SUBSCRIBE $dps/registrations/res/#".to_owned(),
                format!("PUBLISH $dps/registrations/PUT/iotdps-register/?$rid=1 {body}"),
                "PUBLISH $dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=4.op-1 "
                    .to_owned(),
                "PUBLISH $dps/registrations/GET/iotdps-get-operationstatus/?$rid=3&operationId=4.op-1 "
                    .to_owned(),
            ],
            Protocol::Https => vec![
                format!("PUT /{path}/register?api-version=2021-06-01 {body}"),
                format!("GET /{path}/operations/4.op-1?api-version=2021-06-01 "),
                format!("GET /{path}/operations/4.op-1?api-version=2021-06-01 "),
            ],
        };
        let (tokens, others): (Vec<_>, Vec<_>) =
            seen.into_iter().partition(|line| line.starts_with("SharedAccess"));
        assert_eq!(others, asked, "{ended}");
        for token in tokens {
            assert_signed(&token);
        }
    }
}

/// `SharedAccessSignature sr=…&sig=…&se=…&skn=registration`, signed with the key derived for the device.
fn assert_signed(token: &str) {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let fields = token.strip_prefix("SharedAccessSignature ").unwrap();
    let field = |name: &str| fields.split('&').find_map(|f| f.strip_prefix(name)?.strip_prefix('=')).unwrap();
    assert_eq!(field("sr"), "0ne00002193%2Fregistrations%2Fcontoso-toaster-007");
    let group_key: SymmetricKey = GROUP_KEY.parse().unwrap();
    let signature =
        group_key.derive("contoso-toaster-007").sign(format!("{}\n{}", field("sr"), field("se")).as_bytes());
    let sent = percent_encoding::percent_decode_str(field("sig")).decode_utf8().unwrap();
    assert_eq!(sent, STANDARD.encode(signature));
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let life = field("se").parse::<i64>().unwrap() - now;
    assert!((3000..=3600).contains(&life), "{life} s");
}

#[test]
fn a_refused_device_prints_what_the_tutorial_shows() {
    for protocol in PROTOCOLS {
        let service = ScriptedService::start(
            protocol,
            [Reply::Answer(202, Some("1"), ASSIGNING), Reply::Answer(200, None, FAILED)],
        );
        let ended = register(&service, protocol, &[]);
        let expected = format!(
            "{BEGIN}\
             Provisioning Status: PROV_DEVICE_REG_STATUS_CONNECTED\n\
             Provisioning Status: PROV_DEVICE_REG_STATUS_ASSIGNING\n\
             Error: Time:TIME Provisioning Failure: OperationId: 4.op-1 - Date: 2020-09-23T17:05:58.2363145Z - Msg: Custom allocation failed with status code: 400\n\
             Error: Time:TIME Unable to process registration reply.\n\
             Error: Time:TIME Failure retrieving data from the provisioning service\n\
             \n\
             Failure registering device: PROV_DEVICE_RESULT_DEV_AUTH_ERROR\n"
        );
        assert_eq!(
            (ended.code, &ended.stdout, ended.stderr.as_str()),
            (1, &expected, ""),
            "{protocol:?}\n{ended}"
        );
    }
}

#[test]
fn each_failure_has_the_c_sdks_name() {
    let unauthorized = r#"{"errorCode":401002,"trackingId":"t","message":"Unauthorized","timestampUtc":"2019-03-15T19:43:02.7904455Z"}"#;
    for (line, message, result) in [
        (
            Reply::Answer(
                200,
                None,
                r#"{"operationId":"o","status":"failed","registrationState":{"errorCode":400208}}"#,
            ),
            "Provisioning Failure",
            "HUB_NOT_SPECIFIED",
        ),
        (
            Reply::Answer(
                200,
                None,
                r#"{"operationId":"o","status":"failed","registrationState":{"errorCode":400209}}"#,
            ),
            "Provisioning Failure",
            "UNAUTHORIZED",
        ),
        (
            Reply::Answer(200, None, r#"{"operationId":"o","status":"disabled"}"#),
            "The device has been disabled by DPS service",
            "DISABLED",
        ),
        (Reply::Answer(401, None, unauthorized), unauthorized, "DEV_AUTH_ERROR"),
        (Reply::Answer(200, None, "<html>\u{1b}[2J"), "Unusable answer: <html>\\u{1b}[2J", "PARSING"),
        (Reply::Answer(202, None, r#"{"status":"assigning"}"#), "Unusable answer", "PARSING"),
        (
            Reply::Answer(200, None, r#"{"operationId":"o","status":"unassigned"}"#),
            "Unusable answer",
            "PARSING",
        ),
        (
            Reply::Answer(
                200,
                None,
                r#"{"operationId":"o","status":"assigned","registrationState":{"deviceId":"a"}}"#,
            ),
            "Unusable answer",
            "PARSING",
        ),
        (Reply::Silence, "Timed out after 2 s", "TIMEOUT"),
    ] {
        for protocol in PROTOCOLS {
            let service = ScriptedService::start(protocol, [line.clone()]);
            let limit: &[&str] = if let Reply::Silence = line { &["--timeout", "2"] } else { &[] };
            let ended = register(&service, protocol, limit);
            assert_eq!(ended.code, 1, "{protocol:?} {line:?}\n{ended}");
            assert!(ended.stdout.contains(message), "{protocol:?} {line:?}\n{ended}");
            let last = format!("\n\nFailure registering device: PROV_DEVICE_RESULT_{result}\n");
            assert!(ended.stdout.ends_with(&last), "{protocol:?} {line:?}\n{ended}");
        }
    }
}

#[test]
fn over_https_the_status_counts_too() {
    let error = r#"{"errorCode":404201}"#;
    for (protocol, message, result) in [
        (PROTOCOLS[0], "Unsuccessful json encountered: ", "DEV_AUTH_ERROR"),
        (PROTOCOLS[1], "Failure status code sent from the server: 404 ", "TRANSPORT"),
    ] {
        let service = ScriptedService::start(protocol, [Reply::Answer(404, None, error)]);
        let ended = register(&service, protocol, &[]);
        let last = format!("{message}{error}\n\nFailure registering device: PROV_DEVICE_RESULT_{result}\n");
        assert_eq!(ended.code, 1, "{ended}");
        assert!(ended.stdout.ends_with(&last), "{protocol:?}\n{ended}");
    }
}

#[test]
fn a_refused_connection_says_why() {
    for (code, message) in [
        (ConnectReturnCode::NotAuthorized, "Connection Not Accepted: 0x5: Not Authorized"),
        (ConnectReturnCode::BadUserNameOrPassword, "Connection Not Accepted: 0x4: Bad Username/Password"),
    ] {
        let protocol = Protocol::Mqtt(code);
        let ended = register(&ScriptedService::start(protocol, []), protocol, &[]);
        let expected = format!(
            "{BEGIN}Error: Time:TIME {message}\n\nFailure registering device: PROV_DEVICE_RESULT_DEV_AUTH_ERROR\n"
        );
        assert_eq!((ended.code, &ended.stdout), (1, &expected), "{ended}");
    }
}

#[test]
fn a_service_that_is_not_trusted_or_not_there_is_a_transport_error() {
    for protocol in PROTOCOLS {
        let service = ScriptedService::start(protocol, []);
        let other = ScriptedService::start(protocol, []);
        let transport = if matches!(protocol, Protocol::Https) { "https" } else { "mqtt" };
        let device = |place: &str| {
            let mut command =
                emulator(["device", "--registration-id", "a", "--id-scope", "0ne0", "--key", GROUP_KEY]);
            command.args(["--host", place, "--transport", transport, "--ca"]).arg(other.ca());
            run(&mut command, "")
        };
        let place = service.address.to_string();
        let untrusted = device(&place);
        assert_eq!(untrusted.code, 1, "{untrusted}");
        for part in [
            &*format!("Cannot connect to {place}: "),
            "invalid peer certificate",
            "PROV_DEVICE_RESULT_TRANSPORT",
        ] {
            assert!(untrusted.stdout.contains(part), "expected: {part}\n{untrusted}");
        }
        let hint =
            "dps-emulator: --ca names the certificate authority to trust; `up` prints where its own is\n";
        assert_eq!(untrusted.stderr, hint, "{untrusted}");

        let (_closed, address) = closed_port();
        let place = address.to_string();
        let gone = device(&place);
        assert_eq!(gone.code, 1, "{gone}");
        for part in [&*format!("Cannot connect to {place}: "), "refused", "PROV_DEVICE_RESULT_TRANSPORT"] {
            assert!(gone.stdout.contains(part), "expected: {part}\n{gone}");
        }
    }
}

#[test]
fn a_file_without_certificates_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let device = || {
        let mut command =
            emulator(["device", "--registration-id", "a", "--id-scope", "0ne0", "--key", GROUP_KEY, "--ca"]);
        command.arg(&file);
        run(&mut command, "")
    };
    let missing = device();
    assert_eq!(missing.code, 1, "{missing}");
    assert!(missing.stderr.starts_with("dps-emulator: --ca: cannot read "), "{missing}");
    std::fs::write(&file, "no certificate").unwrap();
    let empty = device();
    assert_eq!(empty.code, 1, "{empty}");
    assert!(empty.stderr.contains("contains no certificate"), "{empty}");
}

#[test]
fn a_busy_service_is_asked_again_and_retry_after_is_obeyed() {
    for protocol in PROTOCOLS {
        let busy = r#"{"errorCode":429001,"message":"Operations are being throttled for this tenant."}"#;
        let script = [
            Reply::Answer(429, Some("2"), busy),
            Reply::Answer(202, Some("2"), ASSIGNING),
            Reply::Answer(200, None, ASSIGNED),
        ];
        let service = ScriptedService::start(protocol, script);
        let begun = Instant::now();
        let ended = register(&service, protocol, &[]);
        assert_eq!(ended.code, 0, "{protocol:?}\n{ended}");
        assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}\n{ended}", begun.elapsed());
        assert_eq!(ended.stdout.matches("ASSIGNING").count(), 1, "{ended}");
    }
}

#[test]
fn a_retry_after_that_is_not_1_to_300_seconds_means_1() {
    let script = [
        Reply::Answer(429, Some("0"), ""),
        Reply::Answer(429, Some("301"), ""),
        Reply::Answer(202, Some("soon"), ASSIGNING),
        Reply::Answer(200, None, ASSIGNED),
    ];
    let service = ScriptedService::start(Protocol::Https, script);
    let begun = Instant::now();
    let ended = register(&service, Protocol::Https, &[]);
    assert_eq!(ended.code, 0, "{ended}");
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}\n{ended}", begun.elapsed());
}

#[test]
fn an_answer_that_nobody_asked_for_is_an_error() {
    for script in [
        // The second copy comes in place of the answer to the next request,
        vec![Reply::Twice(202, ASSIGNING)],
        // or after the device's DISCONNECT.
        vec![Reply::Twice(200, ASSIGNED)],
    ] {
        let protocol = Protocol::Mqtt(ConnectReturnCode::Accepted);
        let service = ScriptedService::start(protocol, script);
        let ended = register(&service, protocol, &[]);
        assert_eq!(ended.code, 1, "{ended}");
        assert!(ended.stdout.contains("Answer to no request, or to one answered already"), "{ended}");
        assert!(ended.stdout.ends_with("Failure registering device: PROV_DEVICE_RESULT_ERROR\n"), "{ended}");
    }
}

#[test]
fn payloads_go_both_ways() {
    let assigned = r#"{"operationId":"o","status":"assigned","registrationState":{"assignedHub":"h","deviceId":"d","payload":{"maxTemp": 80}}}"#;
    let protocol = Protocol::Https;
    let service = ScriptedService::start(protocol, [Reply::Answer(200, None, assigned)]);
    let file = service.ca().with_file_name("payload.json");
    std::fs::write(&file, "{\"from\": \"a file\"}\n").unwrap();
    let ended = register(&service, protocol, &["--payload", &format!("@{}", file.display())]);
    assert!(service.seen()[0].ends_with(r#","payload":{"from": "a file"}}"#), "{:?}", service.seen());
    let expected = "Registration Information received from service: h, deviceId: d\nPayload received from service: {\"maxTemp\": 80}\n";
    assert!(ended.stdout.ends_with(expected), "{ended}");
}

#[test]
fn hosts_are_given_with_and_without_a_port() {
    for (text, expected) in [
        ("localhost", Some(("localhost", None))),
        ("localhost:18883", Some(("localhost", Some(18883)))),
        ("127.0.0.1:8443", Some(("127.0.0.1", Some(8443)))),
        ("::1", Some(("::1", None))),
        ("[::1]", Some(("::1", None))),
        ("[::1]:8883", Some(("::1", Some(8883)))),
        (GLOBAL_HOST, Some((GLOBAL_HOST, None))),
        ("", None),
        (":8883", None),
        ("localhost:", None),
        ("localhost:0", None),
        ("localhost:65536", None),
        ("localhost:x", None),
        ("[::1", None),
        ("[::1]8883", None),
        ("a b", None),
        ("https://localhost", None),
    ] {
        let expected = expected.map(|(host, port)| HostPort { host: host.to_owned(), port });
        assert_eq!(text.parse().ok(), expected, "{text}");
    }
}

#[test]
fn text_from_the_service_stays_on_one_line() {
    for (text, most, expected) in
        [("a\r\n\u{7}b", 10, "a\\r\\n\\u{7}b"), ("abcdef", 3, "abc…"), ("abc", 3, "abc")]
    {
        assert_eq!(journal::shown(text, most), expected);
    }
}
