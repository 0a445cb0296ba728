//! Programs run as a user runs them: arguments, environment, standard input; with a deadline. And what the system
//! gives the tests: ports, open files.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpSocket;

/// Far more than any run takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// The keys that the tests' own environment may hold would change what the commands do.
const OURS: [&str; 2] = ["DPS_DEVICE_KEY", "DPS_GROUP_KEY"];

/// What a program printed, and how it ended.
pub(crate) struct Ended {
    command: String,
    /// The exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The emulator's command with `args`.
pub(crate) fn emulator<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dps-emulator"));
    command.args(args);
    for name in OURS {
        command.env_remove(name);
    }
    command
}

/// The path of the handler, the real one, which is built first.
pub(crate) fn handler() -> PathBuf {
    static HANDLER: OnceLock<PathBuf> = OnceLock::new();
    HANDLER.get_or_init(build_handler).clone()
}

fn build_handler() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--package",
        "dps-custom-allocation",
        "--bin",
        "handler",
        "--message-format",
        "json",
    ]);
    let built = run_for(&mut cargo, "", Duration::from_secs(900));
    assert_eq!(built.code, 0, "the handler does not build\n{built}");
    let executable = built.stdout.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        (message["target"]["name"] == "handler").then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    executable.unwrap_or_else(|| panic!("no executable\n{built}"))
}

/// Runs `command` to its end, with `input` as its standard input.
pub(crate) fn run(command: &mut Command, input: &str) -> Ended {
    run_for(command, input, DEADLINE)
}

/// Runs `command` to its end, which has to come within `limit`.
pub(crate) fn run_for(command: &mut Command, input: &str, limit: Duration) -> Ended {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
    // A program that does not read its input closes it; that is its right.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let code = wait(&mut child, limit);
    let ended = Ended {
        command: shown,
        code: code.unwrap_or(-1),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    };
    assert!(code.is_some(), "still running after {limit:?}\n{ended}");
    ended
}

/// Waits until `child` has ended, and kills it when that takes longer than `limit` (then `None`).
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<i32> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// An address at which nobody listens, nor will as long as the socket is there: connections are refused.
pub(crate) fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Lets this process open as many files as the system allows, and tells how many that are.
pub(crate) fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    limit.maximum.map_or(usize::MAX, |files| files.try_into().unwrap())
}

fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, code, stdout, stderr } = self;
        write!(f, "command: {command}\nexit code: {code}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}
