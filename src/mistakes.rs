//! Mistakes in what the process is given at its start: collected, so that one restart shows all of them.

use std::fmt;

/// What is wrong, a sentence each, without full stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

// === impl Mistakes ===

impl Mistakes {
    /// Adds a mistake.
    pub fn add(&mut self, mistake: String) {
        self.0.push(mistake);
    }

    /// What there is of `result`; its mistake is kept here.
    pub fn keep<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|mistake| self.add(mistake)).ok()
    }

    /// `value`, if there are no mistakes.
    ///
    /// # Errors
    ///
    /// The mistakes, if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The mistakes, in the order in which they were found.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.0
    }
}

impl From<String> for Mistakes {
    /// One mistake.
    fn from(mistake: String) -> Self {
        Self(vec![mistake])
    }
}

impl<M: fmt::Display> From<Vec<M>> for Mistakes {
    fn from(mistakes: Vec<M>) -> Self {
        Self(mistakes.iter().map(ToString::to_string).collect())
    }
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}
