//! The handler's process against a bare one: a warp route that reads the same body and answers with a
//! constant as long as the handler's own answer, which is what this stack can do at most. Both are measured in
//! turns, in one run, each server on one core and the client on another, so that what the machine does besides hits
//! both.
//!
//! Prints: throughput and latency of the envelope path, cost by number of hubs and size of payload,
//! start-up, resident memory, size of the binary; or, named as arguments, some of `throughput`, `size`,
//! `start`, `memory` and `binary`.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark says what it found, or stops")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use warp::Filter as _;

const RECORDED: &str = include_str!("../tests/fixtures/requests/contoso-toaster-007.json");
const BARE: &str = "BARE_WARP_PORT";
/// As long as the handler's reply to the recorded request, which [`throughput`] makes sure of.
const BARE_REPLY: &[u8] = &[b' '; 1427];

const CLIENT_CORE: usize = 0;
const SERVER_CORE: usize = 1;
const CALLERS: usize = 32;
const ROUNDS: usize = 25;
const REQUESTS_A_ROUND: usize = 10_000;
const STARTS: usize = 40;

fn main() {
    if let Some(port) = std::env::var(BARE).ok().and_then(|port| port.parse().ok()) {
        return bare(port);
    }
    let parts: [(&str, fn()); 5] = [
        ("throughput", throughput),
        ("size", by_size),
        ("start", start_up),
        ("memory", memory),
        ("binary", binary),
    ];
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (_, part) in
        parts.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| part == name))
    {
        part();
    }
}

fn binary() {
    let size = fs::metadata(handler()).expect("the handler is built").len();
    println!("binary       {:.2} MB (dynamic, this benchmark's build)", size as f64 / 1e6);
}

/// The limit: reads the body and answers with a constant, as plainly as warp allows.
fn bare(port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(1, usize::from))
        .enable_all()
        .build()
        .expect("a runtime starts");
    let ready = warp::path::end().and(warp::get()).map(|| "ready");
    let route = warp::path("HttpTrigger1")
        .and(warp::post())
        .and(warp::body::bytes())
        .map(|_| warp::reply::with_header(BARE_REPLY, "content-type", "application/json"));
    runtime.block_on(warp::serve(route.or(ready)).run((Ipv4Addr::LOCALHOST, port)));
}

fn throughput() {
    let request = http(&envelope(RECORDED));
    let (handler, bare) = (Server::start(Kind::Handler), Server::start(Kind::Bare));
    let mut handler_rounds = Vec::new();
    let mut bare_rounds = Vec::new();
    for round in 0..=ROUNDS {
        let (of_bare, of_handler) = (bare.load(&request), handler.load(&request));
        // The first round only warms up.
        if round > 0 {
            bare_rounds.push(of_bare);
            handler_rounds.push(of_handler);
        }
    }
    let ratio =
        median(handler_rounds.iter().zip(&bare_rounds).map(|(handler, bare)| handler.rate / bare.rate));
    println!("recorded request in its envelope ({} bytes), {CALLERS} callers, one core each", request.len());
    for (name, rounds) in [("bare", &bare_rounds), ("handler", &handler_rounds)] {
        println!(
            "  {name:<10} {:>8.0} requests/s   p50 {:>5.0} µs   p99 {:>5.0} µs",
            median(rounds.iter().map(|round| round.rate)),
            median(rounds.iter().map(|round| round.p50)),
            median(rounds.iter().map(|round| round.p99)),
        );
    }
    let p99 = median(handler_rounds.iter().zip(&bare_rounds).map(|(handler, bare)| handler.p99 / bare.p99));
    println!(
        "  handler to bare: {ratio:.2} of its requests/s (at least 0.65), {p99:.2} times its p99 (at most 2)"
    );
}

fn by_size() {
    println!("cost by size of the allocation request");
    let handler = Server::start(Kind::Handler);
    for (hubs, payload_kb) in [(1, 0), (50, 0), (1000, 0), (1, 1), (1, 8), (1, 32), (1, 96)] {
        let mut body: serde_json::Value = serde_json::from_str(RECORDED).expect("the request is JSON");
        body["linkedHubs"] = (0..hubs).map(|hub| format!("contoso-hub-{hub}.azure-devices.net")).collect();
        body["deviceRuntimeContext"]["payload"] =
            serde_json::json!({ "data": "x".repeat(payload_kb * 1024) });
        let body = body.to_string();
        let load = handler.load_with(&http(&envelope(&body)), REQUESTS_A_ROUND / 4);
        let micros = 1e6 / load.rate;
        println!(
            "  {hubs:>4} hubs, {payload_kb:>2} KB payload: {:>6} bytes, {micros:>6.1} µs a request, {:>5.2} ns a byte",
            body.len(),
            micros * 1000.0 / body.len() as f64
        );
    }
}

fn start_up() {
    let body = envelope(RECORDED);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..STARTS {
        for (kind, times) in [Kind::Handler, Kind::Bare].into_iter().zip(&mut times) {
            times.push(Server::time_to_first_answer(kind, &http(&body)).as_secs_f64() * 1000.0);
        }
    }
    let [handler, bare] = times.map(|times| median(times.into_iter()));
    println!("start-up     handler {handler:.2} ms, bare {bare:.2} ms: {:.2} times", handler / bare);
}

fn memory() {
    let request = http(&envelope(RECORDED));
    for kind in [Kind::Handler, Kind::Bare] {
        let server = Server::start(kind);
        server.load_with(&request, 100_000);
        let status =
            fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("the server runs");
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("unknown").trim();
        println!(
            "memory       {kind:?} {resident} after 100,000 requests (this benchmark's build, not the shipped one)"
        );
    }
}

// === the servers ===

#[derive(Clone, Copy, Debug)]
enum Kind {
    Handler,
    Bare,
}

struct Server {
    child: Child,
    address: SocketAddr,
}

struct Load {
    /// Requests a second.
    rate: f64,
    /// Microseconds.
    p50: f64,
    /// Microseconds.
    p99: f64,
}

impl Server {
    fn start(kind: Kind) -> Self {
        let mut server = Self::spawn(kind);
        server.answer(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        server
    }

    fn spawn(kind: Kind) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a port is free")
            .port();
        let (mut command, variable) = match kind {
            Kind::Handler => (Command::new(handler()), "FUNCTIONS_CUSTOMHANDLER_PORT"),
            Kind::Bare => (Command::new(std::env::current_exe().expect("this runs")), BARE),
        };
        // A child starts on the cores that its parent has at that moment.
        pin_to(SERVER_CORE);
        let child = command.env(variable, port.to_string()).stdout(Stdio::null()).spawn().expect("it starts");
        pin_to(CLIENT_CORE);
        Self { child, address: (Ipv4Addr::LOCALHOST, port).into() }
    }

    fn time_to_first_answer(kind: Kind, request: &[u8]) -> Duration {
        let start = Instant::now();
        let mut server = Self::spawn(kind);
        server.answer(request);
        start.elapsed()
    }

    /// Asks until there is an answer, which must be a 200.
    fn answer(&mut self, request: &[u8]) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Ok(mut stream) = TcpStream::connect(self.address) {
                stream.write_all(request).expect("the server reads");
                let mut head = [0; 15];
                stream.read_exact(&mut head).expect("the server answers");
                assert_eq!(&head, b"HTTP/1.1 200 OK", "the server answers well");
                return;
            }
            assert!(Instant::now() < deadline, "no server within 10 seconds");
            std::thread::yield_now();
        }
    }

    fn load(&self, request: &[u8]) -> Load {
        self.load_with(request, REQUESTS_A_ROUND)
    }

    fn load_with(&self, request: &[u8], requests: usize) -> Load {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let start = Instant::now();
        let mut times = runtime.block_on(async {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| tokio::spawn(call(self.address, request.to_vec(), requests / CALLERS)))
                .collect();
            let mut times = Vec::with_capacity(requests);
            for caller in callers {
                times.extend(caller.await.expect("the caller ends"));
            }
            times
        });
        let rate = times.len() as f64 / start.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e6;
        Load { rate, p50: at(0.50), p99: at(0.99) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One caller: the same request again and again on one connection. The client must cost less than the
/// server, so it learns the length of the answers from the first and only counts bytes from then on.
async fn call(address: SocketAddr, request: Vec<u8>, times: usize) -> Vec<Duration> {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket option");
    let mut buffer = vec![0; 1024 * 1024];
    let mut length = None;
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        stream.write_all(&request).await.expect("the server reads");
        let mut read = 0;
        while length.is_none_or(|length| read < length) {
            let more = stream.read(&mut buffer[read..]).await.expect("the server answers");
            assert!(more > 0, "the server closed: {}", String::from_utf8_lossy(&buffer[..read]));
            read += more;
            if length.is_none() {
                length = answer_length(&buffer[..read]);
            }
        }
        taken.push(start.elapsed());
    }
    taken
}

fn answer_length(answer: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some(head.len() + 4 + length.parse::<usize>().expect("a length is a number"))
}

// === the request ===

/// What the Functions host makes of a request: the body as text, its members again in `Metadata`.
fn envelope(body: &str) -> String {
    let members: serde_json::Value = serde_json::from_str(body).expect("the body is JSON");
    let length = body.len().to_string();
    serde_json::json!({
        "Data": { "req": {
            "Url": "https://contoso-function-app.azurewebsites.net/api/HttpTrigger1",
            "Method": "POST",
            "Query": {},
            "Headers": { "Host": ["contoso-function-app.azurewebsites.net"], "Content-Length": [length],
                "Content-Type": ["application/json; charset=utf-8"] },
            "Params": {},
            "Identities": [{ "AuthenticationType": null, "IsAuthenticated": false, "Claims": [] }],
            "Body": body,
        } },
        "Metadata": {
            "enrollmentGroup": members["enrollmentGroup"],
            "deviceRuntimeContext": members["deviceRuntimeContext"],
            "Query": {},
            "Headers": { "Content-Type": "application/json; charset=utf-8", "Content-Length": length },
            "sys": { "MethodName": "HttpTrigger1", "UtcNow": "2020-09-23T11:44:37.505Z",
                "RandGuid": "4596d45e-086f-4e86-929b-4a02814eee40" },
        },
    })
    .to_string()
}

fn http(body: &str) -> Vec<u8> {
    format!(
        "POST /HttpTrigger1 HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json; charset=utf-8\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

// === small things ===

fn handler() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_handler"))
}

fn pin_to(core: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    set.set(core.min(cores.max(2) - 1)).expect("the core has a number");
    // A machine that does not allow it measures all the same, only less exactly.
    let _ = sched_setaffinity(Pid::from_raw(0), &set);
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
