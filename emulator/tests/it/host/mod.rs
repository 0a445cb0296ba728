//! The stand-in for the Functions host: an app folder with the scripted handler, a host that runs it, and a client
//! that controls every byte.

/// Mistakes in the app's folder, and what is printed of a good one.
mod app;
/// Input bindings filled from CSV files.
mod inputs;
/// Forwarding and proxying.
mod modes;
/// Starting, watching and ending the handler.
mod process;
/// Where the real host was run beside the stand-in.
mod real_host;
/// What it makes of the handler's replies.
mod replies;
/// What it makes of callers' requests.
mod requests;
/// Callers that are malformed, slow, silent, many, or gone.
mod robustness;
/// Functions that are routes of host.json, the configuration profile and the pinned port.
mod routes;
/// The real handler and the tutorial's recorded requests.
mod tutorial;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use functions_host::{FunctionsHost, HostError, HostOptions};
use journal::{Journal, Kept, Level};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Far more than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// An app's folder, to be changed before a host runs it.
pub(crate) struct App {
    folder: TempDir,
}

/// A host that runs an app, and its log.
pub(crate) struct Running {
    pub(crate) host: FunctionsHost,
    pub(crate) log: HostLog,
    app: App,
}

/// The log of a host. Prints it if the test fails.
pub(crate) struct HostLog(Kept);

/// What a caller was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    /// Without the chunks' framing.
    pub(crate) body: String,
}

impl App {
    /// The tutorial's function, and the scripted handler.
    pub(crate) fn new() -> Self {
        let app = Self { folder: tempfile::tempdir().unwrap() };
        app.write(
            "host.json",
            &json!({"version": "2.0", "customHandler": {
                "description": {"defaultExecutablePath": env!("CARGO_BIN_EXE_scripted-handler")},
            }}),
        );
        app.function("HttpTrigger1", json!({"authLevel": "function", "methods": ["get", "post"]}));
        app
    }

    /// Writes `value` to `file` in the folder.
    pub(crate) fn write(&self, file: &str, value: &Value) -> &Self {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
        self
    }

    /// A function with one HTTP trigger, which has `settings` besides, and one HTTP output.
    pub(crate) fn function(&self, name: &str, mut settings: Value) -> &Self {
        let trigger = settings.as_object_mut().unwrap();
        trigger.extend([
            ("type".to_owned(), "httpTrigger".into()),
            ("direction".to_owned(), "in".into()),
            ("name".to_owned(), "req".into()),
        ]);
        let output = json!({"type": "http", "direction": "out", "name": "res"});
        self.write(&format!("{name}/function.json"), &json!({"bindings": [settings, output]}))
    }

    /// Sets the member at `pointer` of host.json, whose parent must be there.
    pub(crate) fn host_json(&self, pointer: &str, value: Value) -> &Self {
        let mut document: Value =
            serde_json::from_str(&fs::read_to_string(self.path().join("host.json")).unwrap()).unwrap();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        self.write("host.json", &document)
    }

    /// Sets the app settings.
    pub(crate) fn settings(&self, values: Value) -> &Self {
        self.write("local.settings.json", &json!({"IsEncrypted": false, "Values": values}))
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the app, and waits until its handler is ready.
    pub(crate) async fn run(self) -> Running {
        self.run_with(|_| {}).await
    }

    /// Runs the app with changed options, and waits until its handler is ready.
    pub(crate) async fn run_with(self, change: impl FnOnce(&mut HostOptions)) -> Running {
        let running = self.start(change).await;
        assert!(running.host.ready().await, "the handler does not start");
        running
    }

    /// Runs the app with changed options, whether or not its handler will ever be ready.
    pub(crate) async fn start(self, change: impl FnOnce(&mut HostOptions)) -> Running {
        let (journal, kept) = Journal::kept();
        let mut options = HostOptions::new(self.path());
        change(&mut options);
        let host = FunctionsHost::start(options, journal).await.unwrap();
        Running { host, log: HostLog(kept), app: self }
    }

    /// The error of an app that cannot be run, without the folder's path.
    pub(crate) async fn refused(self) -> String {
        self.refused_with(|_| {}).await
    }

    /// The error of an app that cannot be run with changed options, without the folder's path.
    pub(crate) async fn refused_with(self, change: impl FnOnce(&mut HostOptions)) -> String {
        let (journal, _) = Journal::kept();
        let mut options = HostOptions::new(self.path());
        change(&mut options);
        let result: Result<FunctionsHost, HostError> = FunctionsHost::start(options, journal).await;
        let prefix = format!("{}/", self.path().display());
        result.map(|_| ()).expect_err("the app is wrong").to_string().replace(&prefix, "")
    }
}

impl Running {
    /// Where callers connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.host.address()
    }

    /// The host alone, and the app's folder, which is there as long as this is.
    pub(crate) fn into_host(self) -> (FunctionsHost, TempDir) {
        (self.host, self.app.folder)
    }

    /// A file in the app's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.app.path().join(name)
    }

    /// Posts `body` to `HttpTrigger1` as JSON.
    pub(crate) async fn post(&self, body: &str) -> Answered {
        self.send("POST", "/api/HttpTrigger1", &["Content-Type: application/json"], body).await
    }

    /// Posts a script to `HttpTrigger1` by which its handler gives `reply` as the body of a JSON reply.
    pub(crate) async fn post_reply(&self, reply: &Value) -> Answered {
        self.post(&scripted(reply)).await
    }

    /// Sends a request with `headers` (each `Name: value`) and a `body` whose length is announced, if any.
    pub(crate) async fn send(&self, method: &str, target: &str, headers: &[&str], body: &str) -> Answered {
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nHost: localhost:7071\r\nConnection: close\r\n");
        for header in headers {
            request += &format!("{header}\r\n");
        }
        if !body.is_empty() {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        self.send_raw(format!("{request}\r\n{body}").as_bytes()).await
    }

    /// Sends `bytes`, and reads the answer to the connection's end.
    pub(crate) async fn send_raw(&self, bytes: &[u8]) -> Answered {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address()).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        Answered::read(&timeout(DEADLINE, exchange).await.expect("an answer in time"))
    }

    /// What the handler was sent on this call, as the scripted handler echoes it.
    pub(crate) async fn echo(&self, method: &str, target: &str, headers: &[&str], body: &str) -> Value {
        let answered = self.send(method, target, headers, body).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        serde_json::from_str(&answered.body).unwrap()
    }

    /// The envelope that the handler was sent on this call.
    pub(crate) async fn envelope(&self, method: &str, target: &str, headers: &[&str], body: &str) -> Value {
        let echo = self.echo(method, target, headers, body).await;
        serde_json::from_str(echo["body"].as_str().unwrap()).unwrap()
    }
}

impl HostLog {
    /// Everything so far: `Level text` for each line, ids and durations replaced.
    pub(crate) fn lines(&self) -> Vec<String> {
        let entries = self.0.entries();
        let lines = entries.iter().flat_map(|entry| {
            entry.text.split('\n').map(move |line| format!("{:?} {}", entry.level, blur(line)))
        });
        lines.collect()
    }

    /// The lines of the one call that was made, from `Executing` to its end.
    pub(crate) fn call(&self) -> Vec<String> {
        let lines = self.lines();
        let start = lines.iter().position(|line| line.contains("Executing '")).expect("a call");
        lines[start..].to_vec()
    }

    /// Everything so far, as a user sees it.
    pub(crate) fn text(&self) -> String {
        self.0.entries().iter().map(|entry| format!("{entry}\n")).collect()
    }

    /// Waits until an entry of `level` contains `text`.
    pub(crate) async fn wait_for(&self, level: Level, text: &str) {
        self.wait_for_times(1, level, text).await;
    }

    /// Waits until so many entries of `level` contain `text`.
    pub(crate) async fn wait_for_times(&self, times: usize, level: Level, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let entries = self.0.entries();
            let found =
                entries.iter().filter(|entry| entry.level == level && entry.text.contains(text)).count();
            if found >= times {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{times} times {level:?} {text:?} expected, in\n{}",
                self.text()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Answered {
    fn read(answer: &[u8]) -> Self {
        let split = |bytes: &[u8], at: &[u8]| bytes.windows(at.len()).position(|window| window == at);
        let shown = String::from_utf8_lossy(answer);
        let end = split(answer, b"\r\n\r\n").unwrap_or_else(|| panic!("no answer: {shown:?}"));
        let (head, mut body) = (str::from_utf8(&answer[..end]).unwrap(), &answer[end + 4..]);
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: BTreeMap<String, String> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut whole = Vec::new();
        if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            while let Some(end) = split(body, b"\r\n") {
                let size = usize::from_str_radix(str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
                whole.extend_from_slice(&body[end + 2..][..size]);
                body = body.get(end + 2 + size + 2..).unwrap_or_default();
            }
        } else {
            whole = body.to_owned();
        }
        let whole = String::from_utf8_lossy(&whole).into_owned();
        Self { status, headers, body: whole }
    }

    /// Status, content type (`-` for none) and body.
    pub(crate) fn summary(&self) -> (u16, &str, &str) {
        (self.status, self.headers.get("content-type").map_or("-", String::as_str), &self.body)
    }
}

/// A script by which the handler gives `reply` as the body of a JSON reply.
pub(crate) fn scripted(reply: &Value) -> String {
    let headers = json!({"Content-Type": "application/json"});
    json!({"reply": {"headers": headers, "body": reply.to_string()}}).to_string()
}

/// Whether a process of this id is there.
pub(crate) fn is_alive(pid: u64) -> bool {
    // A zombie has ended.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// `line` with GUIDs and durations replaced by `<id>` and `<n>`.
fn blur(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("Id=").map(|at| at + 3).or(rest.find("Id: '").map(|at| at + 5)) {
        out += &rest[..at];
        let id = rest.get(at..at + 36).filter(|id| uuid::Uuid::try_parse(id).is_ok());
        out += if id.is_some() { "<id>" } else { "" };
        rest = &rest[at + id.map_or(0, str::len)..];
    }
    out += rest;
    match out.split_once("Duration=") {
        Some((before, after)) => {
            format!("{before}Duration=<n>{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => out,
    }
}

// === impl Drop ===

impl Drop for HostLog {
    #[expect(clippy::print_stdout, reason = "the test's own report of a failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the log of the host:\n{}", self.text());
        }
    }
}
