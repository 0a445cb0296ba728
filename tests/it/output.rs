//! Standard output and error, also when nobody reads them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::envelope::{self, PROCESSED, TOASTER};
use crate::http::{self, DEADLINE};
use crate::process::{self, UNDER_HOST};

/// The handler with a standard output that nobody reads unless the test does.
struct Unread {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

/// What a body of this length leads to: lines with what each says.
const BODY: usize = 100_000;
const LINES_A_CALL: usize = 6;

impl Unread {
    fn start() -> Self {
        let mut child = process::command(UNDER_HOST).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("Listening on http://").unwrap().parse().unwrap();
        for _ in 0..2 {
            stdout.read_line(&mut line).unwrap();
        }
        Self { child, stdout, address }
    }

    /// A call whose lines go to standard output.
    fn call(&self, nth: usize) {
        let body = format!("{nth:05}{}", "x".repeat(BODY - 5));
        assert_eq!(http::post(self.address, "/api/HttpTrigger1", &[], body).status, 400);
    }

    fn stop(&self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
    }

    fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::yield_now();
        }
        panic!("the handler does not end");
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many lines a notice says were dropped.
fn dropped(line: &str) -> Option<usize> {
    let (count, rest) = line.strip_prefix("Warning: ")?.split_once(' ')?;
    assert_eq!(
        rest, "lines were dropped here, because the lines before them were not read in time.",
        "{line}"
    );
    count.parse().ok()
}

#[test]
fn a_reader_that_stops_reading_holds_nothing_up() {
    const CALLS: usize = 100;
    let mut handler = Unread::start();
    for nth in 0..CALLS {
        handler.call(nth);
    }
    assert_eq!(http::get(handler.address, "/").status, 200);
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).status, 200);
    // Read again, it tells how many lines are missing, and goes on.
    let mut lines = Vec::new();
    let mut missing = 0;
    while missing == 0 {
        let mut line = String::new();
        assert!(handler.stdout.read_line(&mut line).unwrap() > 0, "the end before any line was missing");
        let line = line.trim_end_matches('\n').to_owned();
        missing += dropped(&line).unwrap_or(0);
        lines.push(line);
    }
    let kept: usize = lines.iter().map(String::len).sum();
    assert!((3_900_000..4_500_000).contains(&kept), "{kept} bytes were kept: 4 MiB, and what the pipe held");
    assert_eq!(lines.len() - 1 + missing, CALLS * LINES_A_CALL, "every line is there or counted");
    handler.call(CALLS);
    handler.stop();
    let mut rest = String::new();
    handler.stdout.read_to_string(&mut rest).unwrap();
    let rest: Vec<&str> = rest.lines().map(|line| &line[..line.len().min(100)]).collect();
    assert_eq!(rest.len(), LINES_A_CALL + 1, "{rest:?}");
    assert_eq!((rest[0], &rest[2][..5]), (PROCESSED, "00100"));
    assert_eq!(rest.last(), Some(&"Asked to stop (SIGTERM)."));
    assert_eq!(handler.ended(), Some(200));
}

#[test]
fn what_is_queued_is_written_at_the_end() {
    let mut handler = Unread::start();
    for nth in 0..20 {
        handler.call(nth);
    }
    handler.stop();
    let mut rest = String::new();
    handler.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.lines().count(), 20 * LINES_A_CALL + 1, "{} bytes", rest.len());
    assert_eq!(handler.ended(), Some(200));
}

#[test]
fn the_end_does_not_wait_for_a_reader_that_never_comes() {
    let mut handler = Unread::start();
    for nth in 0..20 {
        handler.call(nth);
    }
    let start = Instant::now();
    handler.stop();
    assert_eq!(handler.ended(), Some(200));
    assert!(start.elapsed() >= Duration::from_secs(2), "it had two seconds to read: {:?}", start.elapsed());
}

#[test]
fn a_reader_that_is_gone_harms_nobody() {
    let mut handler = Unread::start();
    let closed = std::mem::replace(&mut handler.stdout, BufReader::new(dummy()));
    drop(closed);
    for nth in 0..100 {
        handler.call(nth);
    }
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).status, 200);
    handler.stop();
    assert_eq!(handler.ended(), Some(200));
}

/// The standard output of a process that has none.
fn dummy() -> ChildStdout {
    std::process::Command::new("true").stdout(Stdio::piped()).spawn().unwrap().stdout.take().unwrap()
}
