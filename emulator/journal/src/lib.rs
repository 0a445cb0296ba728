//! The log of the emulator's parts: one entry for each event, passed to a listener.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]");

/// The severity of an entry, in the words of the Functions host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What happened.
    Information,
    /// What the user may have to check.
    Warning,
    /// What failed.
    Error,
}

/// One entry of the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it was logged (UTC).
    pub at: OffsetDateTime,
    /// Its severity.
    pub level: Level,
    /// The message: one line, or several when a function logged several.
    pub text: String,
}

/// A handle to log with: cheap to clone, safe to share.
#[derive(Clone)]
pub struct Journal {
    listener: Arc<dyn Fn(Entry) + Send + Sync>,
}

/// The entries of a [`Journal::kept`], oldest first.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Vec<Entry>>>);

/// An error and its causes, in one line.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// `text`, sent by a client, on one line of the log: control characters escaped, at most `most` characters.
#[must_use]
pub fn shown(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (nth, c) in text.chars().enumerate() {
        if nth == most {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

// === impl Entry ===

impl fmt::Display for Entry {
    /// `2020-09-23T11:44:41.380 [Information] text`, with the time and level before each line of `text`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.format(TIMESTAMP).map_err(|_| fmt::Error)?;
        for (nth, line) in self.text.split('\n').enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{at} [{:?}] {line}", self.level)?;
        }
        Ok(())
    }
}

// === impl Journal ===

impl Journal {
    /// A journal that passes every entry to `listener`.
    pub fn new(listener: impl Fn(Entry) + Send + Sync + 'static) -> Self {
        Self { listener: Arc::new(listener) }
    }

    /// A journal on standard output, in the form of the portal's log: [`Entry`]'s `Display`.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(|entry| {
            // A closed standard output is no reason to stop.
            let _ = writeln!(io::stdout().lock(), "{entry}");
        })
    }

    /// A journal that keeps its entries in memory, and the entries it keeps.
    #[must_use]
    pub fn kept() -> (Self, Kept) {
        let kept = Kept::default();
        let store = kept.clone();
        (Self::new(move |entry| store.lock().push(entry)), kept)
    }

    /// Logs `text` at level Information.
    pub fn info(&self, text: impl Into<String>) {
        self.say(Level::Information, text);
    }

    /// Logs `text` at level Warning.
    pub fn warn(&self, text: impl Into<String>) {
        self.say(Level::Warning, text);
    }

    /// Logs `text` at level Error.
    pub fn error(&self, text: impl Into<String>) {
        self.say(Level::Error, text);
    }

    /// Logs `text` at `level`, now.
    pub fn say(&self, level: Level, text: impl Into<String>) {
        (self.listener)(Entry { at: OffsetDateTime::now_utc(), level, text: text.into() });
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}

// === impl Kept ===

impl Kept {
    /// A copy of all entries so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn text_from_a_client_stays_on_one_line() {
        assert_eq!(shown("a\r\n\u{7}b", 10), "a\\r\\n\\u{7}b");
        assert_eq!(shown("abcdef", 3), "abc…");
        assert_eq!(shown("abc", 3), "abc");
    }
}
