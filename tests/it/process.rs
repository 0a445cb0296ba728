use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::http::DEADLINE;

/// The handler's process. Killed when dropped; on a failed test it shows what it printed.
pub struct Handler {
    pub address: SocketAddr,
    process: Process,
}

/// A process, and everything that it printed so far.
struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// What came out of one stream so far, and the lines as they come.
struct Output {
    all: Arc<Mutex<String>>,
    lines: Receiver<String>,
}

/// How a process ended, and all that it printed.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// The variables of a Functions host, without its port.
pub const UNDER_HOST: &[(&str, &str)] = &[
    ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", "f1f5a1d5-8f4b-4a4f-8a39-1a9a7c1a2b3c"),
    ("FUNCTIONS_HTTPWORKER_ID", "f1f5a1d5-8f4b-4a4f-8a39-1a9a7c1a2b3c"),
];

/// A command for the handler with no settings but `variables`, on a port that the system chooses.
pub fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handler"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", "0")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the handler until it ends by itself.
pub fn run(command: &mut Command) -> Ended {
    Process::spawn(command).ended()
}

impl Handler {
    /// The handler as a person runs it, ready.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The handler with these variables, ready.
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::spawn(&mut command(variables))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let process = Process::spawn(command);
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = process.stdout.lines.recv_timeout(left).expect("the handler says where it listens");
            if let Some((_, rest)) = line.split_once("Listening on http://") {
                let address = rest.split('/').next().unwrap().parse().expect("an address");
                return Self { address, process };
            }
        }
    }

    /// The handler at a port that `variables` name, ready; it need not say anything.
    pub fn start_silent(variables: &[(&str, &str)]) -> Self {
        let port =
            variables.iter().find(|(name, _)| *name == "FUNCTIONS_CUSTOMHANDLER_PORT").expect("a port").1;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().expect("a number")));
        let process = Process::spawn(&mut command(variables));
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "the handler does not listen");
            std::thread::yield_now();
        }
        Self { address, process }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.child.id() as i32), signal).expect("the handler runs");
    }

    /// Waits until the process ends.
    pub fn ended(self) -> Ended {
        self.process.ended()
    }

    /// Asks the process to stop, and waits until it has.
    pub fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.ended()
    }

    /// The resident memory, in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Process {
    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the handler can be started");
        let stdout = Output::of(child.stdout.take().unwrap());
        let stderr = Output::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    fn ended(mut self) -> Ended {
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "the handler does not end"),
            }
            std::thread::yield_now();
        };
        // Its output may still be on the way: until the streams end.
        for output in [&self.stdout, &self.stderr] {
            while output.lines.recv_timeout(DEADLINE).is_ok() {}
        }
        Ended { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the handler's stdout:\n{}\nits stderr:\n{}", self.stdout.text(), self.stderr.text());
        }
    }
}

impl Output {
    /// Collects `stream` in a thread of its own.
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        let all = Arc::new(Mutex::new(String::new()));
        let collected = all.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut all = collected.lock().unwrap();
                all.push_str(&line);
                all.push('\n');
                drop(all);
                let _ = sender.send(line);
            }
        });
        Self { all, lines }
    }

    fn text(&self) -> String {
        self.all.lock().unwrap().clone()
    }
}
