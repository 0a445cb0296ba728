use std::sync::{Condvar, Mutex, Once};

use crate::http::DEADLINE;

/// Everything that this process has logged, a line each with its level in front.
static LINES: (Mutex<Vec<String>>, Condvar) = (Mutex::new(Vec::new()), Condvar::new());

struct Collector;

impl log::Log for Collector {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("dps_custom_allocation")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.0.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
            LINES.1.notify_all();
        }
    }

    fn flush(&self) {}
}

/// Starts to collect what this process logs.
pub fn collect() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Collector).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
}

/// Waits for this very line.
pub fn wait_for(line: &str) {
    let lines = LINES.0.lock().unwrap();
    let (lines, timeout) =
        LINES.1.wait_timeout_while(lines, DEADLINE, |lines| !lines.iter().any(|said| said == line)).unwrap();
    assert!(!timeout.timed_out(), "{line:?} is not among {lines:#?}");
}

/// The lines with this text in them.
pub fn containing(text: &str) -> Vec<String> {
    LINES.0.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
}
