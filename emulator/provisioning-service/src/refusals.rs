//! The log of what is refused: a line each, with a limit on the number of lines in a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use journal::Journal;

/// How many refusals are logged in one second; those above are only counted.
const LINES_A_SECOND: u32 = 1_000;

/// How many characters of what a client sent are shown.
const SHOWN: usize = 120;

/// Logs what was refused and why.
#[derive(Clone, Debug)]
pub(super) struct Refusals {
    journal: Journal,
    second: Arc<Mutex<Second>>,
}

/// The count of one second.
#[derive(Debug)]
struct Second {
    began: Instant,
    said: u32,
    left_out: u64,
}

// === impl Refusals ===

impl Refusals {
    pub(super) fn new(journal: Journal) -> Self {
        let second = Second { began: Instant::now(), said: 0, left_out: 0 };
        Self { journal, second: Arc::new(Mutex::new(second)) }
    }

    /// Says `line`, at level Warning.
    pub(super) fn say(&self, line: impl Into<String>) {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.began.elapsed() >= Duration::from_secs(1) {
            if second.left_out > 0 {
                self.journal.warn(format!("{} more refusals were not logged", second.left_out));
            }
            *second = Second { began: Instant::now(), said: 0, left_out: 0 };
        }
        second.said = second.said.saturating_add(1);
        match second.said {
            0..=LINES_A_SECOND => self.journal.warn(line),
            _ => {
                if second.left_out == 0 {
                    let limit = LINES_A_SECOND;
                    self.journal
                        .warn(format!("more than {limit} refusals in a second: the rest are only counted"));
                }
                second.left_out += 1;
            }
        }
    }
}

/// What a client sent, for a line of the log: in quotes, shortened, and never a token.
pub(super) fn quoted(text: &str) -> String {
    // A device that swaps username and password must not have its signature in the log.
    if text.contains("sig=") || text.contains("SharedAccess") {
        return "(a SAS token)".to_owned();
    }
    format!("“{}”", journal::shown(text, SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let (journal, kept) = Journal::kept();
        let refusals = Refusals::new(journal);
        for nth in 0..10_000 {
            refusals.say(format!("refusal {nth}"));
        }
        let lines = kept.entries().len();
        // The loop may run over a few seconds on a loaded machine.
        assert!((1_001..10_000).contains(&lines), "{lines} lines");
    }

    #[test]
    fn what_is_shown_is_short_and_holds_no_token() {
        assert_eq!(quoted("a\nb"), "“a\\nb”");
        assert_eq!(quoted("SharedAccessSignature sr=x&sig=y"), "(a SAS token)");
        assert_eq!(quoted(&"ü".repeat(500)).chars().count(), SHOWN + 3);
    }
}
