//! One run of a script, and what must hold for every run.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// One run of a script: its exit status, its output, and its calls of the stand-ins.
#[derive(Debug)]
pub(crate) struct Run {
    #[expect(dead_code, reason = "printed when a test fails")]
    pub(crate) command: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) calls: Vec<Vec<String>>,
}

// === impl Run ===

impl Run {
    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Self {
        assert!(self.status.success(), "{self:#?}");
        self
    }

    /// It ended with this exit code and these sentences are in its standard error.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, says: &[&str]) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        for words in says {
            assert!(self.stderr.contains(words), "expected {words:?} in {self:#?}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn was_killed(&self) -> &Self {
        assert_eq!(self.status.signal(), Some(9), "{self:#?}");
        self
    }

    /// The calls of one command, such as `az group create`.
    pub(crate) fn calls_of(&self, command: &str) -> Vec<&Vec<String>> {
        let of_command = |call: &&Vec<String>| {
            let words: Vec<_> =
                call.iter().take_while(|word| !word.starts_with('-')).map(String::as_str).collect();
            words.join(" ") == command
        };
        self.calls.iter().filter(of_command).collect()
    }

    /// No key is in its output, nor in an argument, except the one that az accepts in no other way. Every key of the
    /// model contains the word SECRET, which percent-encoding does not change.
    #[track_caller]
    pub(crate) fn kept_its_secrets(&self) {
        assert!(
            !self.stdout.contains("SECRET") && !self.stderr.contains("SECRET"),
            "a secret was printed: {self:#?}"
        );
        for call in &self.calls {
            for (position, argument) in call.iter().enumerate() {
                let allowed = position > 0 && call[position - 1] == "--webhook-url";
                assert!(allowed || !argument.contains("SECRET"), "a secret is an argument: {self:#?}");
            }
        }
    }
}
