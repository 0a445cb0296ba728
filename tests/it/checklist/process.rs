use super::{ASSIGNED, free_port, panicking};
use crate::envelope::{self, HEAT_PUMP, HUB, PROCESSED, Reply, TOASTER};
use crate::http::{self, DEADLINE};
use crate::process::{self, Handler, UNDER_HOST};
use crate::server::Server;
use dps_custom_allocation::allocation::{Case, Notes, Policy as _, Refusal, Toasters};
use dps_custom_allocation::connections;
use dps_custom_allocation::webhook::AllocationResponse;
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

#[test]
fn point_22_serves_200_callers_at_once() {
    let handler = Handler::start();
    let bodies = [envelope::of(TOASTER).to_string(), envelope::of(HEAT_PUMP).to_string()];
    // Everybody connects before anybody asks.
    let streams: Vec<_> = (0..200).map(|_| http::connect(handler.address)).collect();
    std::thread::scope(|scope| {
        for (nth, mut stream) in streams.into_iter().enumerate() {
            let (body, status) = (&bodies[nth % 2], [200, 400][nth % 2]);
            scope.spawn(move || {
                use std::io::Write as _;
                for _ in 0..5 {
                    write!(
                        stream,
                        "POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    )
                    .unwrap();
                    assert_eq!(Reply::of(&http::receive(&mut stream).unwrap()).status, status);
                }
            });
        }
    });
}

/// Whether a slow policy was entered, and whether it may go on.
static SLOW: (Mutex<(bool, bool)>, Condvar) = (Mutex::new((false, false)), Condvar::new());

fn slow<'a>(case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
    let mut state = SLOW.0.lock().unwrap();
    state.0 = true;
    SLOW.1.notify_all();
    let (state, _) = SLOW.1.wait_timeout_while(state, DEADLINE, |state| !state.1).unwrap();
    drop(state);
    Toasters.allocate(case, notes)
}

#[test]
fn point_22_one_slow_call_does_not_keep_others_from_an_answer() {
    let server = Server::with(slow);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| envelope::call(server.address, &envelope::of(TOASTER)));
        let state = SLOW.0.lock().unwrap();
        drop(SLOW.1.wait_timeout_while(state, DEADLINE, |state| !state.0).unwrap());
        for _ in 0..20 {
            assert_eq!(http::get(server.address, "/").status, 200);
        }
        assert!(!call.is_finished(), "the slow call is still under way");
        SLOW.0.lock().unwrap().1 = true;
        SLOW.1.notify_all();
        assert_eq!(call.join().unwrap().body, ASSIGNED);
    });
}

#[test]
fn point_23_keeps_idle_connections_open() {
    // Too long to wait for: the setting itself, and that a connection serves one call after another.
    const { assert!(connections::IDLE.as_secs() >= 120) };
    let handler = Handler::start();
    let mut stream = http::connect(handler.address);
    let body = envelope::of(TOASTER).to_string();
    for _ in 0..3 {
        use std::io::Write as _;
        write!(stream, "POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let response = http::receive(&mut stream).expect("the connection is still open");
        assert_eq!(response.header("connection"), None);
    }
}

#[test]
fn point_24_a_panic_harms_no_other_request() {
    let server = Server::with(panicking);
    for _ in 0..5 {
        assert_eq!(envelope::call(server.address, &envelope::of(TOASTER)).status, 500);
        assert_eq!(envelope::call(server.address, &envelope::of(HEAT_PUMP)).status, 400);
    }
}

#[test]
fn point_25_ends_well_only_when_it_is_asked_to() {
    let handler = Handler::start();
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).status, 200);
    let ended = handler.stop();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let ended = process::run(process::command(UNDER_HOST).env("FUNCTIONS_CUSTOMHANDLER_PORT", "x"));
    assert!(!matches!(ended.status.code(), None | Some(0 | 200)), "the host would not count it: {ended:?}");
}

#[test]
fn point_26_has_nothing_to_clean_up_when_it_is_killed() {
    let handler = Handler::start();
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).status, 200);
    handler.signal(Signal::SIGKILL);
    let ended = handler.ended();
    assert_eq!((ended.status.signal(), ended.stderr.as_str()), (Some(9), ""));
    assert_eq!(envelope::call(Handler::start().address, &envelope::of(TOASTER)).body, ASSIGNED);
}

#[test]
fn point_27_takes_the_same_port_again_right_after_a_crash() {
    let port = free_port().to_string();
    for _ in 0..3 {
        let handler = Handler::start_with(&[("FUNCTIONS_CUSTOMHANDLER_PORT", &port)]);
        // A connection in use when the process dies leaves the port in a state that forbids binding it
        // plainly.
        let mut stream = http::connect(handler.address);
        use std::io::Write as _;
        write!(stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        assert_eq!(http::receive(&mut stream).unwrap().status, 200);
        handler.signal(Signal::SIGKILL);
        handler.ended();
    }
}

#[test]
fn point_28_what_is_no_error_is_not_on_stderr() {
    let handler = Handler::start_with(UNDER_HOST);
    envelope::call(handler.address, &envelope::of(TOASTER));
    http::post(handler.address, "/api/HttpTrigger1", &[], HEAT_PUMP);
    let ended = handler.stop();
    assert_eq!(ended.stderr, "");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("Listening on http://127.0.0.1:"), "{lines:?}");
    assert_eq!(lines[1], "Functions: HttpTrigger1 at POST /api/HttpTrigger1");
    assert_eq!(lines[2], "Policy: toasters");
    assert_eq!(lines[3..7], [PROCESSED, "Request.Body:...", HEAT_PUMP, "Unknown device registration"]);
    assert_eq!(lines[7..], ["", "Response", "Unrecognized device registration.", "Asked to stop (SIGTERM)."]);
}

#[test]
fn point_29_the_old_name_of_the_port_changes_nothing() {
    let handler = Handler::start_with(&[("FUNCTIONS_HTTPWORKER_PORT", "no port at all")]);
    assert_eq!(http::get(handler.address, "/").status, 200);
}

#[test]
fn point_30_runs_anywhere_and_without_standard_input() {
    let mut command = process::command(UNDER_HOST);
    command.current_dir(Path::new("/")).stdin(Stdio::null());
    let start = Instant::now();
    let handler = Handler::spawn(&mut command);
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).log[3], format!("linkedHub : {HUB}"));
    assert!(start.elapsed() < DEADLINE);
}
