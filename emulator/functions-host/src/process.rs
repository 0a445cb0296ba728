//! One run of the handler's process: its output line by line, its end, and the end of what it started.

use std::collections::VecDeque;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::console::{Console, Stream};

/// Longer lines are logged in pieces.
const LINE_LIMIT: usize = 64 * 1024;

/// How long output is waited for after the process has ended: a process it started may keep the pipe open.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// How long the end of a killed process is waited for, as in the real host.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// A running handler. Dropping it kills it and its process group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: u32,
    /// The process group that it leads, until that is killed.
    group: Option<Pid>,
    /// Reads stdout and stderr to their ends; what the reader of stderr returns are the last errors.
    output: JoinSet<Vec<String>>,
    errors: Vec<String>,
}

/// How a handler ended.
#[derive(Debug)]
pub(super) struct Exit {
    /// The process's id.
    pub pid: u32,
    /// Its exit code; 128 and the signal's number where a signal ended it, as .NET has it.
    pub code: i32,
    /// Its last three lines on stderr that counted as errors, oldest first.
    pub errors: Vec<String>,
}

impl Process {
    /// Starts `command`, whose output goes to the `console`.
    ///
    /// # Errors
    ///
    /// The system's, where it cannot be started.
    pub(super) fn start(command: &mut Command, console: &Console) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let mut output = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            output.spawn(tell(stdout, Stream::Stdout, console.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            output.spawn(tell(stderr, Stream::Stderr, console.clone()));
        }
        let pid = child.id().unwrap_or_default();
        let group = Pid::from_raw(pid.cast_signed());
        Ok(Self { child, pid, group, output, errors: Vec::new() })
    }

    /// Waits until the process has ended and its output is logged; what it started and left behind is killed.
    /// May be cancelled and called again.
    pub(super) async fn ended(&mut self) -> Exit {
        let status = self.child.wait().await;
        self.kill_group();
        let _ = timeout(OUTPUT_GRACE, async {
            while let Some(told) = self.output.join_next().await {
                self.errors.extend(told.unwrap_or_default());
            }
        })
        .await;
        Exit { pid: self.pid, code: status.map_or(-1, code), errors: std::mem::take(&mut self.errors) }
    }

    /// Kills the process and what it started, with SIGKILL as the host does, and waits a moment for its end.
    pub(super) async fn kill(mut self) {
        self.kill_group();
        let _ = timeout(KILL_GRACE, self.child.wait()).await;
    }

    /// Kills the group once: when its leader is gone, the group's id may become another's.
    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Logs each line of `stream`, to its end. Returns the last three that counted as errors.
async fn tell(stream: impl AsyncRead + Unpin, kind: Stream, console: Console) -> Vec<String> {
    let mut reader = BufReader::new(stream);
    let mut errors = VecDeque::new();
    let mut line = Vec::new();
    while let Ok(read) = reader.fill_buf().await {
        if read.is_empty() {
            break;
        }
        let room = &read[..read.len().min(LINE_LIMIT - line.len())];
        let end = room.iter().position(|&byte| byte == b'\n');
        line.extend_from_slice(&room[..end.unwrap_or(room.len())]);
        let taken = end.map_or(room.len(), |end| end + 1);
        reader.consume(taken);
        if end.is_some() || line.len() == LINE_LIMIT {
            errors.extend(console.handler_line(kind, &line));
            line.clear();
        }
        while errors.len() > 3 {
            errors.pop_front();
        }
    }
    if !line.is_empty() {
        errors.extend(console.handler_line(kind, &line));
    }
    errors.into_iter().rev().take(3).rev().collect()
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

// === impl Drop ===

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}
