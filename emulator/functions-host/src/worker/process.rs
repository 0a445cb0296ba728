//! One run of the handler's process: its start, its output, its end, and the end of what it started.
//! Rules: `HttpWorkerProcess.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use crate::app::App;
use crate::options::Framing;
use crate::worker::output::{self, Stream};

/// How long output is waited for after the process has ended: a process it started may keep the pipe open.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);
/// How long the end of a killed process is waited for, as in the real host.
const KILL_GRACE: Duration = Duration::from_secs(1);
/// Waits for the end of its standard input, a pipe that this process holds open, and then kills the group.
const WATCHDOG: &str = r#"read -r line; kill -s KILL -- "-$1""#;

/// A running handler. Dropping it kills it and its process group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: u32,
    /// The process group that it leads, until that is killed.
    group: Option<Pid>,
    /// Ends the handler when this process is killed, which leaves it no time to do so itself.
    watchdog: Option<Child>,
    /// Reads stdout and stderr to their ends; what the reader of stderr returns are the last errors.
    output: JoinSet<Vec<String>>,
    errors: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) pid: u32,
    /// Its exit code; 128 and the signal's number where a signal ended it, as .NET has it.
    pub(crate) code: i32,
    /// Its last three lines on stderr that counted as errors, oldest first, joined by commas.
    pub(crate) errors: String,
}

impl Process {
    pub(crate) fn start(app: &App, port: u16) -> io::Result<Self> {
        let App { handler, journal, .. } = app;
        let mut child = command(app, port).spawn()?;
        let pid = child.id().unwrap_or_default();
        let watchdog = watchdog(pid).inspect_err(|error| {
            journal.warn(format!("the handler will outlive a host that is killed: /bin/sh: {error}"))
        });
        let mut output = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            output.spawn(output::log(stdout, Stream::Stdout, journal.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            let kind = if handler.stderr_is_errors { Stream::Stderr } else { Stream::MixedStderr };
            output.spawn(output::log(stderr, kind, journal.clone()));
        }
        let group = Pid::from_raw(pid.cast_signed());
        Ok(Self { child, pid, group, watchdog: watchdog.ok(), output, errors: Vec::new() })
    }

    /// Waits until the process has ended and its output is logged; what it left behind is killed. May be cancelled.
    pub(crate) async fn ended(&mut self) -> Exit {
        let status = self.child.wait().await;
        self.kill_group();
        let _ = timeout(OUTPUT_GRACE, async {
            while let Some(errors) = self.output.join_next().await {
                self.errors.extend(errors.unwrap_or_default());
            }
        })
        .await;
        let code =
            status.ok().and_then(|status| status.code().or(status.signal().map(|signal| 128 + signal)));
        Exit { pid: self.pid, code: code.unwrap_or(-1), errors: self.errors.join(",") }
    }

    /// Kills the process and what it started, with SIGKILL as the host does, and waits a moment for its end.
    pub(crate) async fn kill(mut self) {
        self.kill_group();
        let _ = timeout(KILL_GRACE, self.child.wait()).await;
    }

    /// Kills the group once: when its leader is gone, the group's id may become another's.
    fn kill_group(&mut self) {
        self.watchdog = None;
        if let Some(group) = self.group.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn command(app: &App, port: u16) -> Command {
    let App { handler, host_name, .. } = app;
    let (id, port) = (Uuid::new_v4().to_string(), port.to_string());
    let mut command = Command::new(&handler.executable);
    command
        // What Core Tools adds, unless it is set.
        .env("FUNCTIONS_CORETOOLS_ENVIRONMENT", "true")
        .env("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
        .env("WEBSITE_HOSTNAME", host_name)
        .env("AzureWebJobsScriptRoot", &handler.app)
        .envs(&handler.settings)
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
        .env("FUNCTIONS_HTTPWORKER_PORT", &port)
        .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &id)
        .env("FUNCTIONS_HTTPWORKER_ID", &id)
        .env("FUNCTIONS_APP_ROOT_PATH", &handler.app)
        .args(&handler.arguments)
        .current_dir(&handler.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: the stand-in handles Ctrl-C, and what the handler started ends with the handler.
        .process_group(0)
        .kill_on_drop(true);
    if app.options.framing == Framing::Chunked {
        command.env_remove("FUNCTIONS_CORETOOLS_ENVIRONMENT");
    }
    command
}

/// A process that outlives this one for a moment and kills the process group `group`. Dropping it ends it.
fn watchdog(group: u32) -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", WATCHDOG, "handler-watchdog", &group.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // What ends this process's group, such as Ctrl-C, must not end it as well.
        .process_group(0)
        // By SIGKILL, before its standard input is closed.
        .kill_on_drop(true)
        .spawn()
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}
