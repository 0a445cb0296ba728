//! A policy that waits keeps nobody else waiting: `GET /`, a stop and every other invocation are answered as if it
//! were not there. The server in these tests has one worker, which is the hardest case and the one on Azure.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use dps_custom_allocation::allocation::{Case, Notes, Policy, Refusal, Toasters};
use dps_custom_allocation::decision;
use dps_custom_allocation::webhook::AllocationResponse;

use crate::envelope::{self, HEAT_PUMP, HOST_HEADERS, Reply, TOASTER};
use crate::http::{self, DEADLINE};
use crate::log_lines;
use crate::server::Server;

/// A policy that lets toasters wait until the gate is open, and decides about everybody else at once.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    waiting: usize,
    open: bool,
}

impl Gate {
    fn wait_for(&self, waiting: usize) {
        let state = self.0.0.lock().unwrap();
        let (state, _) =
            self.0.1.wait_timeout_while(state, DEADLINE, |state| state.waiting < waiting).unwrap();
        assert!(state.waiting >= waiting, "{} of {waiting} calls reached the policy", state.waiting);
    }

    fn open(&self) {
        self.0.0.lock().unwrap().open = true;
        self.0.1.notify_all();
    }
}

impl Policy for Gate {
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        if case.request.device_runtime_context.registration_id()?.as_deref() == Some("contoso-toaster-007") {
            let mut state = self.0.0.lock().unwrap();
            state.waiting += 1;
            self.0.1.notify_all();
            drop(self.0.1.wait_timeout_while(state, DEADLINE, |state| !state.open).unwrap());
        }
        Toasters.allocate(case, notes)
    }
}

#[test]
fn calls_that_wait_keep_nobody_from_an_answer() {
    const WAITING: usize = 50;
    let gate = Gate::default();
    let server = Server::with(gate.clone());
    std::thread::scope(|scope| {
        let in_envelopes: Vec<_> = (0..WAITING / 2)
            .map(|_| scope.spawn(|| envelope::call(server.address, &envelope::of(TOASTER)).status))
            .collect();
        let raw: Vec<_> = (0..WAITING / 2)
            .map(|_| scope.spawn(|| http::post(server.address, "/api/HttpTrigger1", &[], TOASTER).status))
            .collect();
        gate.wait_for(WAITING);
        for _ in 0..20 {
            assert_eq!(http::get(server.address, "/").status, 200);
            assert_eq!(envelope::call(server.address, &envelope::of(HEAT_PUMP)).status, 400);
            assert_eq!(http::post(server.address, "/api/HttpTrigger1", &[], HEAT_PUMP).status, 400);
        }
        assert!(
            in_envelopes.iter().all(|call| !call.is_finished()) && raw.iter().all(|call| !call.is_finished())
        );
        gate.open();
        assert!(in_envelopes.into_iter().all(|call| call.join().unwrap() == 200));
        assert!(raw.into_iter().all(|call| call.join().unwrap() == 200));
    });
}

#[test]
fn a_call_that_waits_does_not_keep_the_server_from_being_stopped() {
    let gate = Gate::default();
    let server = Server::with(gate.clone());
    let address = server.address;
    std::thread::scope(|scope| {
        let call = scope.spawn(move || envelope::call(address, &envelope::of(TOASTER)).status);
        gate.wait_for(1);
        let stopped = scope.spawn(move || drop(server));
        let deadline = Instant::now() + DEADLINE;
        while std::net::TcpStream::connect(address).is_ok() {
            assert!(Instant::now() < deadline, "it still accepts connections");
            std::thread::yield_now();
        }
        gate.open();
        assert_eq!(call.join().unwrap(), 200, "a request under way ends");
        stopped.join().unwrap();
    });
}

#[test]
fn more_calls_than_there_are_threads_are_to_be_sent_again() {
    let gate = Gate::default();
    let server = Server::with(gate.clone());
    let body = envelope::of(TOASTER).to_string();
    let request = format!("POST /HttpTrigger1 HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    crate::robustness::allow_many_files();
    let mut waiting: Vec<_> = (0..decision::THREADS).map(|_| http::connect(server.address)).collect();
    for stream in &mut waiting {
        std::io::Write::write_all(stream, request.as_bytes()).unwrap();
    }
    gate.wait_for(decision::THREADS);
    let reply = envelope::call(server.address, &envelope::of(HEAT_PUMP));
    let words = "Too many requests are being decided; this one may be sent again.";
    assert_eq!((reply.status, reply.body.as_str()), (503, words));
    let raw = http::post(server.address, "/api/HttpTrigger1", &[], HEAT_PUMP);
    assert_eq!((raw.status, raw.body.as_str()), (503, words));
    assert_eq!(http::get(server.address, "/").status, 200);
    gate.open();
    for stream in &mut waiting {
        assert_eq!(Reply::of(&http::receive(stream).unwrap()).status, 200);
    }
    assert_eq!(
        envelope::call(server.address, &envelope::of(HEAT_PUMP)).status,
        400,
        "and then all is well again"
    );
}

#[test]
fn a_slow_decision_is_told_in_one_warning_while_it_is_slow() {
    let gate = Gate::default();
    let server = Server::with(gate.clone());
    for (path, id) in [("/HttpTrigger1", "a1-slow-envelope"), ("/api/HttpTrigger1", "a2-slow-raw")] {
        std::thread::scope(|scope| {
            let body =
                if path == "/HttpTrigger1" { envelope::of(TOASTER).to_string() } else { TOASTER.to_owned() };
            let headers = [("X-Azure-Functions-InvocationId", id)];
            let call = scope.spawn(move || http::post(server.address, path, &headers, body).status);
            let line = format!("WARN [{id}] The allocation policy has been deciding for more than a second.");
            log_lines::wait_for(&line);
            assert!(!call.is_finished(), "it is told while the device waits");
            gate.open();
            assert_eq!(call.join().unwrap(), 200);
            assert_eq!(log_lines::containing(id).iter().filter(|line| line.starts_with("WARN")).count(), 1);
        });
        gate.0.0.lock().unwrap().open = false;
    }
}

/// Declares itself pure computation, and is not.
struct Busy;

impl Policy for Busy {
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1100) {
            std::hint::spin_loop();
        }
        Toasters.allocate(case, notes)
    }

    fn is_computation(&self) -> bool {
        true
    }
}

#[test]
fn a_policy_that_wrongly_declares_itself_computation_is_told_of_it() {
    let server = Server::with(Busy);
    let id = "a3-busy";
    let headers: Vec<_> = HOST_HEADERS
        .iter()
        .map(|(name, value)| (*name, if *name == HOST_HEADERS[1].0 { id } else { *value }))
        .collect();
    let reply = http::post(server.address, "/HttpTrigger1", &headers, envelope::of(TOASTER).to_string());
    assert_eq!(Reply::of(&reply).status, 200);
    let lines = log_lines::containing(id);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN [a3-busy] The allocation policy decided after 1."), "{lines:?}");
    assert!(lines[0].ends_with("a policy that waits must not declare itself pure computation."), "{lines:?}");
}
