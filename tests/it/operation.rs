use std::env::VarError;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use dps_custom_allocation::log_body::LogBody;
use dps_custom_allocation::settings::Settings;
use nix::sys::signal::Signal;

use crate::envelope::{self, HEAT_PUMP, PROCESSED, TOASTER};
use crate::http;
use crate::process::{self, Handler, UNDER_HOST};

const UNKNOWN: &str = "Unrecognized device registration.";

#[test]
fn sigterm_and_sigint_let_requests_under_way_end() {
    for (variables, signal, line, code) in [
        // Upon 0 the host never starts it again.
        (UNDER_HOST, Signal::SIGTERM, "Asked to stop (SIGTERM).", 200),
        (UNDER_HOST, Signal::SIGINT, "Asked to stop (SIGINT).", 0),
        (&[][..], Signal::SIGTERM, "Asked to stop (SIGTERM).", 0),
        (&[][..], Signal::SIGINT, "Asked to stop (SIGINT).", 0),
    ] {
        let handler = Handler::start_with(variables);
        let body = envelope::of(TOASTER).to_string();
        let (first, rest) = body.split_at(100);
        let mut under_way = http::connect(handler.address);
        write!(
            under_way,
            "POST /HttpTrigger1 HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        // The handler asks for the body: so the request is under way.
        let mut asked = [0; 25];
        std::io::Read::read_exact(&mut under_way, &mut asked).unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        under_way.write_all(first.as_bytes()).unwrap();
        let idle = http::connect(handler.address);
        handler.signal(signal);
        wait_until_refused(&handler);
        under_way.write_all(rest.as_bytes()).unwrap();
        assert_eq!(envelope::Reply::of(&http::receive(&mut under_way).unwrap()).status, 200);
        let ended = handler.ended();
        drop(idle);
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        assert!(ended.stdout.lines().last().is_some_and(|last| last.ends_with(line)), "{ended:?}");
        assert_eq!(ended.stderr, "");
    }
}

fn wait_until_refused(handler: &Handler) {
    let deadline = std::time::Instant::now() + http::DEADLINE;
    while std::net::TcpStream::connect(handler.address).is_ok() {
        assert!(std::time::Instant::now() < deadline, "it still accepts connections");
        std::thread::yield_now();
    }
}

#[test]
fn every_wrong_setting_is_named_at_once() {
    let ended = process::run(&mut process::command(&[
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "x"),
        ("ALLOCATION_BODY_LIMIT", "1 MiB"),
        ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", "1"),
    ]));
    assert_eq!(ended.status.code(), Some(64));
    assert_eq!(
        ended.stderr,
        "Error: FUNCTIONS_CUSTOMHANDLER_PORT: expected a number from 0 to 65535, found \"x\" (not set, it is 3000).\nError: \
         ALLOCATION_BODY_LIMIT: expected a number from 1 to 16777216, found \"1 MiB\" (not set, it is 1048576).\n"
    );
}

#[test]
fn settings_have_defaults() {
    let load = |set: &'static [(&str, &str)]| {
        Settings::load(move |name| {
            set.iter()
                .find(|(set, _)| *set == name)
                .map(|(_, value)| (*value).to_owned())
                .ok_or(VarError::NotPresent)
        })
    };
    let default = Settings {
        port: 3000,
        body_limit: 1_048_576,
        app_root: ".".into(),
        policy: None,
        rules: None,
        lookup_timeout: Duration::from_secs(3),
        log_body: LogBody::Full,
    };
    assert_eq!(load(&[]).as_ref(), Ok(&default));
    let set = &[
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "7"),
        ("ALLOCATION_BODY_LIMIT", "16777216"),
        ("FUNCTIONS_APP_ROOT_PATH", "/app"),
        ("ALLOCATION_POLICY", " divisions "),
        ("ALLOCATION_RULES", "other.yaml"),
        ("ALLOCATION_LOOKUP_TIMEOUT", "0.5"),
        ("ALLOCATION_LOG_BODY", "without-payload"),
    ];
    let all = Settings {
        port: 7,
        body_limit: 16_777_216,
        app_root: "/app".into(),
        policy: Some("divisions".to_owned()),
        rules: Some("other.yaml".into()),
        lookup_timeout: Duration::from_millis(500),
        log_body: LogBody::WithoutPayload,
    };
    assert_eq!(load(set), Ok(all));
    let emptied = &[
        ("FUNCTIONS_APP_ROOT_PATH", ""),
        ("ALLOCATION_POLICY", " "),
        ("ALLOCATION_RULES", ""),
        ("ALLOCATION_LOG_BODY", ""),
    ];
    assert_eq!(load(emptied), Ok(default), "as app settings are when they were emptied");
    for (set, sentence) in [
        (
            &[("ALLOCATION_LOG_BODY", "some")],
            "ALLOCATION_LOG_BODY: expected one of full, without-payload, none; found \"some\"",
        ),
        (
            &[("ALLOCATION_LOOKUP_TIMEOUT", "0")],
            "ALLOCATION_LOOKUP_TIMEOUT: expected a number from 0.1 to 60, found \"0\" (not set, it is 3)",
        ),
    ] {
        assert_eq!(load(set).unwrap_err().to_string(), sentence);
    }
    for limit in [&[("ALLOCATION_BODY_LIMIT", "0")], &[("ALLOCATION_BODY_LIMIT", "16777217")]] {
        assert!(load(limit).is_err());
    }
}

#[test]
fn by_hand_lines_are_stamped_and_named_as_in_the_portal() {
    let handler = Handler::start();
    let stdout = handler.stop().stdout;
    for line in stdout.lines() {
        let (stamp, rest) = line.split_once(" [Information] ").unwrap_or_else(|| panic!("{line}"));
        assert!(!rest.is_empty());
        let shape: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000");
    }
    let ended = process::run(&mut process::command(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "x")]));
    assert!(
        ended.stderr.contains(
            " [Error] FUNCTIONS_CUSTOMHANDLER_PORT: expected a number from 0 to 65535, found \"x\""
        ),
        "{ended:?}"
    );
}

/// The host takes lines of stderr with "warn" in them for warnings and all others for errors.
#[test]
fn an_error_that_quotes_a_warning_stays_an_error() {
    let ended = process::run(
        process::command(UNDER_HOST).env("FUNCTIONS_CUSTOMHANDLER_PORT", "warn-WARN\n\r\nwarning"),
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(!ended.stderr.to_ascii_lowercase().contains("warn"), "{ended:?}");
    assert!(ended.stderr.contains("w-arn-W-ARN"), "{ended:?}");
}

#[test]
fn rust_log_chooses_what_is_said() {
    // What travels in the reply belongs to the invocation, and its level is the host's to filter.
    for (level, raw_lines) in [("off", 0), ("error", 0), ("handler=info", 0), ("info", 6), ("debug", 6)] {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let handler = Handler::start_silent(&[("FUNCTIONS_CUSTOMHANDLER_PORT", &port), ("RUST_LOG", level)]);
        assert_eq!(envelope::call(handler.address, &envelope::of(HEAT_PUMP)).log.len(), 6, "{level}");
        http::post(handler.address, "/api/HttpTrigger1", &[], HEAT_PUMP);
        let ended = handler.stop();
        let said =
            [PROCESSED, "Request.Body:...", HEAT_PUMP, "Unknown device registration", "Response", UNKNOWN];
        let lines = |words: &str| ended.stdout.lines().filter(|line| line.ends_with(words)).count();
        assert_eq!(said.map(lines).iter().sum::<usize>(), raw_lines, "{level}: {ended:?}");
        assert_eq!(ended.stdout.is_empty(), ["off", "error"].contains(&level), "{level}: {ended:?}");
        assert_eq!(ended.stderr, "", "{level}");
    }
}

/// As an app setting is when it was emptied.
#[test]
fn an_empty_rust_log_is_none() {
    let handler = Handler::start_with(&[("RUST_LOG", "")]);
    assert_eq!(handler.stop().stdout.lines().count(), 4, "the start and the stop");
}

#[test]
fn raw_lines_carry_the_invocation_id_when_there_is_one() {
    let handler = Handler::start_with(UNDER_HOST);
    let id = "5853ee0f-0fa9-4ce8-b0a3-ae980100abb8";
    let call = |id: &str| {
        http::post(handler.address, "/api/HttpTrigger1", &[("X-Azure-Functions-InvocationId", id)], HEAT_PUMP)
    };
    call(id);
    call("no id] \tforged");
    let stdout = handler.stop().stdout;
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[3], format!("[{id}] {PROCESSED}"));
    assert_eq!(lines[5], format!("[{id}] {HEAT_PUMP}"));
    assert_eq!(
        lines[7..10],
        [format!("[{id}] "), format!("[{id}] Response"), format!("[{id}] Unrecognized device registration.")]
    );
    assert_eq!(lines[10], PROCESSED);
}

/// The host takes some lines for messages to itself.
#[test]
fn a_body_cannot_speak_to_the_host() {
    let handler = Handler::start_with(UNDER_HOST);
    for body in
        ["LanguageWorkerConsoleLog[error] forged", "x\nazfuncjsonlog:{}", "x\rLanguageWorkerConsoleLog"]
    {
        http::post(handler.address, "/api/HttpTrigger1", &[], body);
    }
    let stdout = handler.stop().stdout;
    for line in stdout.split(['\n', '\r']) {
        let line = line.to_ascii_lowercase();
        assert!(
            !line.starts_with("languageworkerconsolelog") && !line.starts_with("azfuncjsonlog:"),
            "{stdout}"
        );
    }
}
