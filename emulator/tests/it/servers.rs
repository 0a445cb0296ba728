//! The commands that run until Ctrl-C: how they end, and what they do on the way.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::host::App;
use crate::program::{DEADLINE, emulator, handler, run, wait};

/// Ctrl-C ends everything within this.
const SOON: Duration = Duration::from_secs(2);

/// Free ports.
const UP: [&str; 7] = ["up", "--port", "0", "--mqtt-port", "0", "--https-port", "0"];

/// A command that runs until it is told to end.
struct Running {
    child: Child,
    lines: Receiver<String>,
    said: String,
    _state: TempDir,
    _app: Option<App>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut command = emulator(args);
        let mut app = None;
        match args[0] {
            "dps" => {
                let config = state.path().join("dps.json");
                let hubs = ["a.azure-devices.net".to_owned()];
                fs::write(&config, dps_emulator::contoso::configuration(&hubs, "http://localhost/")).unwrap();
                command.arg("--config").arg(config);
            }
            // Its calls never end, so that it is in the middle of the tutorial whenever it is looked at.
            "tutorial" => {
                let mute = App::new();
                mute.settings(json!({"SCRIPTED_STARTS": "mute"}));
                command.arg("--app").arg(mute.path());
                app = Some(mute);
            }
            _ => {
                command.arg("--app").arg(root).arg("--handler").arg(handler());
            }
        }
        if matches!(args[0], "dps" | "up") {
            command.arg("--state").arg(state.path());
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines, said: String::new(), _state: state, _app: app }
    }

    /// Waits until a line with `text` is printed.
    fn says(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let errors = self.errors();
                panic!("never said: {text}\n{}\n{errors}", self.said);
            };
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(text) {
                return;
            }
        }
    }

    /// The processes that it started: a handler, and what ends the handler if the command is killed.
    fn children(&self) -> Vec<u32> {
        processes().into_iter().filter(|(_, parent)| *parent == self.child.id()).map(|(id, _)| id).collect()
    }

    /// Sends `signal`, and checks that all ends, with this exit code; how long it took.
    fn ends(mut self, signal: Signal, code: i32) -> Duration {
        let children = self.children();
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        let begun = Instant::now();
        kill_process(pid, signal).unwrap();
        let ended = wait(&mut self.child, DEADLINE);
        let took = begun.elapsed();
        let errors = self.errors();
        assert_eq!(ended, Some(code), "{signal:?}\n{}\n{errors}", self.said);
        let alive = || processes().into_iter().map(|(id, _)| id).find(|id| children.contains(id));
        while let Some(id) = alive() {
            // What is killed is still there for a moment.
            assert!(begun.elapsed() < DEADLINE, "left behind: {id}\n{}\n{errors}", self.said);
            thread::sleep(Duration::from_millis(10));
        }
        took
    }

    fn errors(&mut self) -> String {
        let _ = self.child.kill();
        let mut errors = String::new();
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut errors);
        errors
    }
}

/// Begins a command and ends it by `signal`, which is to take less than [`SOON`]. A busy machine can only add to the
/// time: one end in three shows how long it takes.
fn ends_soon(signal: Signal, code: i32, begin: impl Fn() -> Running) {
    let mut took: Vec<Duration> = Vec::new();
    while took.iter().all(|took| *took >= SOON) {
        assert!(took.len() < 3, "{signal:?}: {took:?}");
        took.push(begin().ends(signal, code));
    }
}

/// All processes of this machine, each with its parent.
fn processes() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // `1234 (name) S 1 …`; a zombie is gone as far as anybody cares.
            let (_, rest) = stat.rsplit_once(") ")?;
            let mut fields = rest.split(' ');
            let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
            (state != "Z").then_some((id, parent))
        })
        .collect()
}

#[test]
fn ctrl_c_ends_every_command_and_its_handler() {
    for signal in [Signal::INT, Signal::TERM] {
        ends_soon(signal, 0, || {
            let mut up = Running::start(&UP);
            up.says("Ctrl-C ends it.");
            assert_eq!(up.children().len(), 2, "{}", up.said);
            up
        });
        ends_soon(signal, 0, || {
            let mut host = Running::start(&["host", "--port", "0"]);
            host.says("Worker process started and initialized.");
            assert_eq!(host.children().len(), 2, "{}", host.said);
            host
        });
        ends_soon(signal, 0, || {
            let mut dps = Running::start(&["dps", "--mqtt-port", "0", "--https-port", "0"]);
            dps.says("devices must trust ");
            dps
        });
        ends_soon(signal, 1, || {
            let mut tutorial = Running::start(&["tutorial"]);
            tutorial.says("Simulate the Contoso toaster device");
            assert_eq!(tutorial.children().len(), 2, "{}", tutorial.said);
            tutorial
        });
        ends_soon(signal, 1, || {
            let fleet = Running::start(&["fleet", "--count", "1000000"]);
            let deadline = Instant::now() + DEADLINE;
            while fleet.children().len() < 2 && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(10));
            }
            assert_eq!(fleet.children().len(), 2);
            fleet
        });
    }
}

#[test]
fn what_up_says_to_paste_registers_a_device() {
    let mut up = Running::start(&[&UP[..], &["--retry-after", "1"]].concat());
    up.says("Ctrl-C ends it.");
    let text = up.said.clone();
    let section = |heading: &str| {
        let begun = text
            .split_once(&format!("=== {heading} ===\n\n"))
            .unwrap_or_else(|| panic!("{heading}\n{text}"))
            .1;
        begun.split("\n\n").next().unwrap().to_owned()
    };
    for heading in ["C", "Python"] {
        let note = "(This SDK connects to port 8883 alone, and MQTT is spoken at ";
        assert!(text.split_once(&format!("=== {heading} ===")).unwrap().1.contains(note), "{text}");
    }

    let pasted = run(Command::new("bash").arg("-c").arg(section("This tool")), "");
    assert_eq!(pasted.code, 0, "{pasted}");
    let assigned = "contoso-toasters-hub-1098.azure-devices.net, deviceId: contoso-toaster-007\n";
    assert!(pasted.stdout.ends_with(assigned), "{pasted}");

    let sdk = crate::sdk::installed().join("node");
    let node = section("Node.js");
    let (install, rest) = node.split_once('\n').unwrap();
    assert!(install.starts_with("npm install azure-iot-provisioning-device "), "{node}");
    let pasted = run(Command::new("bash").current_dir(sdk).arg("-c").arg(rest), "");
    let assigned = "assigned contoso-toasters-hub-1098.azure-devices.net contoso-toaster-007\n";
    assert_eq!((pasted.code, pasted.stdout.as_str()), (0, assigned), "{pasted}");

    // Both are told apart in the log: the second is known.
    up.says("contoso-toaster-007: registers by the enrollment group contoso-custom-allocated-devices, for the first time");
    up.ends(Signal::INT, 0);
}

#[test]
fn a_function_key_is_required_when_one_is_set() {
    let mut host = Running::start(&["host", "--port", "0", "--function-key", "a-key-made-up-for-this-test"]);
    host.says("HttpTrigger1: [POST] http://localhost:");
    let address = host.said.split_once("http://").unwrap().1.split('/').next().unwrap().to_owned();
    host.says("Worker process started and initialized.");
    let status = |query: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let request = format!(
            "POST /api/HttpTrigger1{query} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).map(str::to_owned)
    };
    assert_eq!(status("").as_deref(), Some("401"));
    assert_eq!(status("?code=another").as_deref(), Some("401"));
    assert_eq!(status("?code=a-key-made-up-for-this-test").as_deref(), Some("400"), "no registration id");
    host.ends(Signal::INT, 0);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for args in [
        ["host", "--port", &port, "--address", "127.0.0.1"],
        ["dps", "--mqtt-port", &port, "--https-port", "0"],
        ["dps", "--https-port", &port, "--mqtt-port", "0"],
    ] {
        let mut refused = Running::start(&args);
        assert_eq!(wait(&mut refused.child, DEADLINE), Some(1), "{args:?}");
        let errors = refused.errors();
        assert!(
            errors.starts_with("dps-emulator: cannot listen ") && errors.contains(&port),
            "{args:?}\n{errors}"
        );
    }
}

#[test]
fn an_app_of_another_kind_runs_its_own_handler() {
    // The tutorial's handler lies beside the emulator's program in the folder of the build, built by now.
    handler();
    let app = tempfile::tempdir().unwrap();
    fs::create_dir(app.path().join("Other")).unwrap();
    let bindings = r#"{"bindings": [{"type": "httpTrigger", "name": "req"}, {"type": "http", "direction": "out", "name": "res"}]}"#;
    fs::write(app.path().join("Other/function.json"), bindings).unwrap();
    let host = r#"{"version": "2.0", "customHandler": {"description": {"defaultExecutablePath": "sh", "arguments": ["-c", "\"echo mine; exit 3\""]}}}"#;
    fs::write(app.path().join("host.json"), host).unwrap();
    let ended = run(emulator(["host", "--port", "0", "--app"]).arg(app.path()), "");
    assert_eq!(ended.code, 1, "{ended}");
    assert_eq!(ended.stdout.matches("[Information] mine").count(), 3, "{ended}");
    assert!(ended.stdout.contains("sh exited with code 3 (0x3)"), "{ended}");
    let given_up = "dps-emulator: the host has given up its handler; the log above says why\n";
    assert_eq!(ended.stderr, given_up, "{ended}");
}
