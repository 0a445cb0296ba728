//! Lines on their way to standard output or standard error, written by a thread of their own.
//!
//! A reader that stops reading fills the pipe, and the next write to it waits. Here that wait is this thread's alone:
//! whoever says something leaves it in the queue and goes on.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much may wait to be written, in bytes. What does not fit is dropped, and counted.
const CAPACITY: usize = 4 * 1024 * 1024;

/// How much is written at once, in bytes, unless a single line is longer.
const BATCH: usize = 64 * 1024;

/// A line that tells how many lines were dropped before it, with its line end.
pub(super) type Notice = fn(dropped: u64) -> String;

/// The queue of one stream. Clones are the same queue.
#[derive(Clone, Debug)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something was added, or written.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    lines: VecDeque<String>,
    /// What is in `lines` or being written, in bytes.
    bytes: usize,
    dropped: u64,
    notice: Notice,
}

// === impl Queue ===

impl Queue {
    /// Starts the thread that writes to `stream`.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub(super) fn start(stream: impl Write + Send + 'static, name: &str, notice: Notice) -> io::Result<Self> {
        let state = State { lines: VecDeque::new(), bytes: 0, dropped: 0, notice };
        let queue = Self(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }));
        let writer = queue.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || writer.write_to(stream))?;
        Ok(queue)
    }

    /// Adds a line, its line end included. Never waits for a reader.
    pub(super) fn push(&self, line: String) {
        let mut state = self.state();
        state.tell_dropped();
        if state.dropped > 0 || !state.add(line) {
            state.dropped += 1;
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Waits until everything is written, or until `deadline`.
    pub(super) fn flush(&self, deadline: Instant) {
        let mut state = self.state();
        while state.bytes > 0 || state.dropped > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes what comes, for as long as the process lives.
    fn write_to(&self, mut stream: impl Write) {
        loop {
            let batch = self.next_batch();
            // A stream that is closed has no reader to tell.
            let _ = stream.write_all(batch.as_bytes()).and_then(|()| stream.flush());
            let mut state = self.state();
            state.bytes -= batch.len();
            state.tell_dropped();
            drop(state);
            self.0.changed.notify_all();
        }
    }

    /// The next lines to write; waits until there are some.
    fn next_batch(&self) -> String {
        let mut state = self.state();
        let mut batch = loop {
            match state.lines.pop_front() {
                Some(line) => break line,
                None => state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        while state.lines.front().is_some_and(|line| batch.len() + line.len() <= BATCH)
            && let Some(line) = state.lines.pop_front()
        {
            batch.push_str(&line);
        }
        batch
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Adds the line that tells of dropped ones, once half of the queue is free: a line for each gap between two
    /// lines that happen to fit would help nobody.
    fn tell_dropped(&mut self) {
        if self.dropped > 0 && self.bytes <= CAPACITY / 2 && self.add((self.notice)(self.dropped)) {
            self.dropped = 0;
        }
    }

    /// Adds a line if it fits.
    fn add(&mut self, line: String) -> bool {
        let fits = self.bytes + line.len() <= CAPACITY;
        if fits {
            self.bytes += line.len();
            self.lines.push_back(line);
        }
        fits
    }
}
