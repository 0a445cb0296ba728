//! The record of calls, and dying at one of them.

use std::io::Write as _;
use std::process::Command;

/// One call that was recorded, and which of the run it was.
pub(crate) struct Call {
    number: usize,
}

/// The moment at which a call has had a part of its effect.
pub(crate) const HALF_WAY: &str = "half-way";

/// Appends the call to the record.
pub(crate) fn record(name: &str, arguments: &[String]) -> Call {
    let path = variable("AZURE_STUB_CALLS");
    let number = std::fs::read_to_string(&path).unwrap_or_default().lines().count() + 1;
    let line = serde_json::to_string(&[&[name.to_owned()], arguments].concat()).expect("strings are JSON");
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(&path)
        .unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    writeln!(file, "{line}").unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    Call { number }
}

/// A variable without which the stand-in cannot work.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("the stand-in wants {name}"))
}

/// The moment of the call at which the test wants everything killed.
pub(crate) fn moment_to_kill() -> String {
    std::env::var("AZURE_STUB_KILL").unwrap_or_else(|_| "before".to_owned())
}

impl Call {
    /// Kills the process group if the test wants that at this call and at this moment.
    pub(crate) fn perhaps_kill(&self, moment: &str) {
        let at = std::env::var("AZURE_STUB_KILL_AT").ok().and_then(|at| at.parse::<usize>().ok());
        if at == Some(self.number) && moment_to_kill() == moment {
            // `kill 0` is for everything in the group of the shell that says it, this process included.
            let status = Command::new("sh").args(["-c", "kill -KILL 0"]).status();
            panic!("still alive after kill: {status:?}");
        }
    }
}
