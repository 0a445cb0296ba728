use std::borrow::Cow;
use std::fmt;

use crate::webhook::Malformed;

/// A device is not assigned. The device never sees the words; the function's log does.
///
/// A final refusal is answered 400, and DPS fails the registration at once (error 400207). One that says
/// «ask again» is answered 503, and DPS retries for some minutes.
///
/// <https://learn.microsoft.com/azure/iot-dps/how-to-troubleshoot-dps>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    words: Cow<'static, str>,
    /// The same without what was sent, where they quote it.
    without_quotes: Option<Cow<'static, str>>,
    asks_again: bool,
}

// === impl Refusal ===

impl Refusal {
    /// A final refusal: say what was expected and what was found.
    pub fn new(words: impl Into<Cow<'static, str>>) -> Self {
        Self { words: words.into(), without_quotes: None, asks_again: false }
    }

    /// A refusal for now: the device may be assigned when DPS asks again.
    pub fn ask_again(words: impl Into<Cow<'static, str>>) -> Self {
        Self { words: words.into(), without_quotes: None, asks_again: true }
    }

    /// These words in place of the refusal's own where the log must not show what the device sent
    /// (`ALLOCATION_LOG_BODY`).
    #[must_use]
    pub fn or_without_quotes(self, words: impl Into<Cow<'static, str>>) -> Self {
        Self { without_quotes: Some(words.into()), ..self }
    }

    /// The words, without what was sent.
    #[must_use]
    pub fn without_quotes(&self) -> &str {
        self.without_quotes.as_ref().unwrap_or(&self.words)
    }

    /// Whether DPS should ask again.
    #[must_use]
    pub const fn asks_again(&self) -> bool {
        self.asks_again
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refusal {}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::new(malformed.to_string()).or_without_quotes(malformed.without_quotes())
    }
}
