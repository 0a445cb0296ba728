use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

use crate::http::DEADLINE;

/// A PostgreSQL server with an empty database `postgres`, at a port and a socket of its own. Ended when dropped; on a
/// failed test it shows its log.
pub struct Postgresql {
    folder: TempDir,
    programs: PathBuf,
    options: Vec<String>,
    pub port: u16,
    running: Option<Child>,
    log: String,
}

/// What scripts/install-postgresql.sh installed.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgresql/server");

/// The password of `postgres`, with every character that a URL must encode.
pub const PASSWORD: &str = "p@ss:/?#w%rd";

impl Postgresql {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with TLS, with `key` for its `certificate`, both in PEM.
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        Self::start_with(&[("server.crt", certificate), ("server.key", key)])
    }

    fn start_with(tls: &[(&str, &str)]) -> Self {
        assert!(Path::new(INSTALLED).exists(), "{INSTALLED} is missing: run scripts/install-postgresql.sh");
        let folder = tempfile::Builder::new().prefix("postgresql-").tempdir().unwrap();
        let mut programs = Path::new(INSTALLED).join("bin");
        if geteuid().is_root() {
            // PostgreSQL refuses to run as root, and another user may not be let into this folder.
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
            run(Command::new("cp").arg("-R").arg(INSTALLED).arg(folder.path().join("server")));
            programs = folder.path().join("server/bin");
        }
        let mut server =
            Self { folder, programs, options: Vec::new(), port: 0, running: None, log: String::new() };
        let password = server.write("password", PASSWORD);
        let data = server.data();
        run(server
            .command("initdb")
            .args([
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .arg("--pgdata")
            .arg(data));
        for (name, text) in tls {
            let path = server.write(name, text);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let what = if name.ends_with("key") { "ssl_key_file" } else { "ssl_cert_file" };
            server.options.extend(["-c".into(), "ssl=on".into()]);
            server.options.extend(["-c".into(), format!("{what}={}", path.display())]);
        }
        server.run_again();
        server
    }

    /// Starts the server after [`Self::stop`], at the same port.
    pub fn run_again(&mut self) {
        let first = self.port == 0;
        // Another process may take a port between the moment it is free and the server's start.
        for _ in 0..if first { 10 } else { 1 } {
            if first {
                self.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            }
            if self.try_to_run() {
                return;
            }
        }
        panic!("PostgreSQL does not start:\n{}", self.log);
    }

    fn try_to_run(&mut self) -> bool {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        let mut child = command.args(&self.options).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        self.running = Some(child);
        let deadline = Instant::now() + DEADLINE;
        while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let _ = writeln!(self.log, "{line}");
            if line.contains("database system is ready to accept connections") {
                return true;
            }
        }
        self.stop();
        false
    }

    /// Ends the server at once, and with it all connections.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            self.signal(&child, Signal::SIGQUIT);
            child.wait().unwrap();
        }
    }

    /// Lets no process of the server run, as if the machine hung.
    pub fn pause(&self) {
        self.signal_all(Signal::SIGSTOP);
    }

    pub fn resume(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    pub fn url(&self, options: &str) -> String {
        format!("postgresql://postgres:p%40ss%3A%2F%3F%23w%25rd@127.0.0.1:{}/postgres{options}", self.port)
    }

    /// The folder with its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `psql` prints for `query`.
    pub fn psql(&self, query: &str) -> String {
        let mut command = self.command("psql");
        command.env("PGPASSWORD", PASSWORD).args(["-h", "127.0.0.1", "-U", "postgres", "-d", "postgres"]);
        command.args(["-p", &self.port.to_string(), "-v", "ON_ERROR_STOP=1", "-tAqc", query]);
        run(&mut command)
    }

    /// The PostgreSQL program `name`, as another user where this is root.
    fn command(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file that the server's user owns.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        if geteuid().is_root() {
            run(Command::new("chown").arg("nobody").arg(&path));
        }
        path
    }

    fn signal(&self, child: &Child, signal: Signal) {
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    }

    fn signal_all(&self, signal: Signal) {
        let server = self.running.as_ref().unwrap();
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.id())).unwrap();
        // The first process first: it starts no other then.
        self.signal(server, signal);
        for child in children.split_whitespace() {
            let _ = kill(Pid::from_raw(child.parse().unwrap()), signal);
        }
    }
}

impl Drop for Postgresql {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.resume();
        }
        self.stop();
        if std::thread::panicking() {
            eprintln!("PostgreSQL's log:\n{}", self.log);
        }
    }
}

/// Runs `command` to its end, which must be a success, and returns what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}
