//! The record of calls, and being killed at one of them.

use std::io::Write as _;
use std::process::Command;

/// A recorded call and its number within the run, from 1.
pub(crate) struct Call {
    number: usize,
}

/// The moment at which a call has had part of its effect.
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

/// An environment variable that the stand-in requires.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("the stand-in needs the variable {name}"))
}

/// The moment of the call at which everything is killed.
pub(crate) fn moment_to_kill() -> String {
    std::env::var("AZURE_STUB_KILL").unwrap_or_else(|_| "before".to_owned())
}

impl Call {
    /// Kills the process group if the test asked for that at this call and this moment.
    pub(crate) fn perhaps_kill(&self, moment: &str) {
        let at = std::env::var("AZURE_STUB_KILL_AT").ok().and_then(|at| at.parse::<usize>().ok());
        if at == Some(self.number) && moment_to_kill() == moment {
            // `kill 0` reaches every process in the shell's group, this one included.
            let status = Command::new("sh").args(["-c", "kill -KILL 0"]).status();
            panic!("still alive after kill: {status:?}");
        }
    }
}
