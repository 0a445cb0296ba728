//! The log of the emulator's parts: one entry for each event, passed to a listener.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::iter;
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
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// `text`, sent by a client, on one line of the log: control characters escaped, at most `most` characters.
#[must_use]
pub fn shown(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let one = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let shown: String = chars.by_ref().take(most).map(one).collect();
    if chars.next().is_none() { shown } else { shown + "…" }
}

impl fmt::Display for Entry {
    /// `2020-09-23T11:44:41.380 [Information] text`, with the time and level before each line of `text`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.format(TIMESTAMP).map_err(|_| fmt::Error)?;
        let before = format!("{at} [{:?}] ", self.level);
        write!(f, "{before}{}", self.text.replace('\n', &format!("\n{before}")))
    }
}

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
