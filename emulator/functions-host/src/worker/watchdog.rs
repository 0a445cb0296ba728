//! Ends the handler when this process is killed, which leaves it no time to do so itself.

use std::io;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// Waits for the end of its standard input, a pipe that this process holds open, and then kills the group.
const SCRIPT: &str = r#"read -r line; kill -s KILL -- "-$1""#;

/// A process that outlives this one for a moment. Dropping it ends it without effect.
#[derive(Debug)]
pub(crate) struct Watchdog {
    _child: Child,
}

impl Watchdog {
    /// Watches over the process group `group`.
    pub(crate) fn start(group: u32) -> io::Result<Self> {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "handler-watchdog", &group.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends this process's group, such as Ctrl-C, must not end it as well.
            .process_group(0)
            // By SIGKILL, before its standard input is closed.
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { _child: child })
    }
}
