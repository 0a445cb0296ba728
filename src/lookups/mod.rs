//! Look-ups: what a policy has to know from elsewhere, asked before it decides.
//!
//! All look-ups of a request are asked together, within one deadline. Each gives a JSON object, or nothing.
//! One that fails or is late means «ask again»: DPS retries a webhook that answers 503 for some minutes
//! (<https://learn.microsoft.com/azure/iot-dps/how-to-troubleshoot-dps>). A policy itself never waits.
//!
//! | kind | what it asks | cargo feature |
//! |---|---|---|
//! | [`File`] | a CSV or JSON file, read at start | `file` |
//! | [`Input`] | the app's own input bindings | `input` |
//! | [`Http`] | a service, by GET | `http` |
//! | [`Sql`] | PostgreSQL | `sql` |
//!
//! Another kind is a type that implements [`Lookup`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use crate::allocation::Found;

#[cfg(feature = "http")]
mod client;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod identity;
#[cfg(feature = "input")]
mod input;
#[cfg(any(feature = "http", feature = "sql"))]
mod network;
#[cfg(feature = "sql")]
mod sql;

#[cfg(feature = "http")]
pub use client::Client;
#[cfg(feature = "file")]
pub use file::File;
#[cfg(feature = "http")]
pub use http::{Credential, Http, SecretHeader};
#[cfg(feature = "http")]
pub use identity::Identity;
#[cfg(feature = "input")]
pub use input::Input;
#[cfg(any(feature = "http", feature = "sql"))]
pub use network::Network;
#[cfg(feature = "sql")]
pub use sql::Sql;

/// How long the look-ups of one request may take, all together, unless `ALLOCATION_LOOKUP_TIMEOUT` says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Something that can be asked about a device.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// What is asked, in a few words for the log, such as `devices.csv by registrationId`. No secrets, and
    /// nothing of the request.
    fn subject(&self) -> String;

    /// Asks. The future is dropped when the deadline passes.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it cannot be known whether there is anything: DPS is told to ask again.
    fn find<'a>(&'a self, question: &'a Question<'a>) -> Finding<'a>;
}

/// What came of one question: an object, or `None` when there is nothing.
pub type Outcome = Result<Option<Map<String, Value>>, Failure>;

/// What [`Lookup::find`] returns.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// What one look-up is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The device's registration id, as it was sent.
    pub registration_id: &'a str,
    /// The values of the look-up's parameters: those within a URL, or those of a query.
    pub values: &'a [Value],
    /// What the app's input bindings brought: `Data` of the Functions host's envelope. `None` when the
    /// request did not come in an envelope.
    pub inputs: Option<&'a Map<String, Value>>,
}

/// Why a look-up found out nothing. Its words go to the log: no secrets, and nothing of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(Cow<'static, str>);

/// What is wrong with a look-up as it was written, in a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(Cow<'static, str>);

/// The look-ups of a policy, by name.
#[derive(Debug)]
pub struct Lookups {
    named: Vec<(String, Box<dyn Lookup>)>,
    timeout: Duration,
}

/// What came of asking.
#[derive(Debug)]
pub struct Answers {
    /// What was found, or which look-ups failed and why.
    pub found: Result<Found, Failure>,
    /// A line for each look-up: what was asked, and whether something was found.
    pub lines: Vec<String>,
}

// === impl Lookups ===

impl Default for Lookups {
    /// No look-ups.
    fn default() -> Self {
        Self::new(DEFAULT_TIMEOUT)
    }
}

impl Lookups {
    /// No look-ups yet. Those that come are given `timeout`, all together, for each request.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { named: Vec::new(), timeout }
    }

    /// Adds a look-up. Names are unique; that is for the caller to see to.
    pub fn add(&mut self, name: impl Into<String>, lookup: Box<dyn Lookup>) {
        self.named.push((name.into(), lookup));
    }

    /// Puts `lookup` in the place of the one named `name`; false if there is none.
    pub fn replace(&mut self, name: &str, lookup: Box<dyn Lookup>) -> bool {
        let place = self.named.iter_mut().find(|(named, _)| named == name);
        place.map(|(_, place)| *place = lookup).is_some()
    }

    /// The names, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(name, _)| name.as_str())
    }

    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Asks all look-ups at once and waits for the slowest, no longer than the timeout. `values` are those of
    /// the look-ups that have parameters, by name.
    pub async fn ask(
        &self,
        registration_id: &str,
        values: &BTreeMap<String, Vec<Value>>,
        inputs: Option<&Map<String, Value>>,
    ) -> Answers {
        let deadline = Instant::now() + self.timeout;
        let by_id = vec![Value::from(registration_id)];
        let outcomes = join_all(self.named.iter().map(async |(name, lookup)| {
            let values = values.get(name).unwrap_or(&by_id);
            let question = Question { registration_id, values, inputs };
            // Whoever writes a look-up of their own may err; the other look-ups and the answer must not suffer.
            let asked = AssertUnwindSafe(async { lookup.find(&question).await }).catch_unwind();
            match timeout_at(deadline, asked).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_panic)) => Err(Failure::new("it panicked; the log of the process says where")),
                Err(_late) => Err(Failure::new(format!("no answer within {}", in_words(self.timeout)))),
            }
        }))
        .await;
        self.answers(outcomes)
    }

    fn answers(&self, outcomes: Vec<Outcome>) -> Answers {
        let mut found = Found::new();
        let (mut lines, mut failures) = (Vec::new(), Vec::new());
        for ((name, lookup), outcome) in self.named.iter().zip(outcomes) {
            let word = match &outcome {
                Ok(Some(_)) => "found",
                Ok(None) => "nothing found",
                Err(Failure(reason)) => reason,
            };
            lines.push(format!("Look-up {name} ({}): {word}", lookup.subject()));
            match outcome {
                Ok(object) => drop(found.insert(name.clone(), object)),
                Err(failure) => failures.push(format!("Look-up {name}: {failure}")),
            }
        }
        let found = if failures.is_empty() { Ok(found) } else { Err(Failure::new(failures.join("; "))) };
        Answers { found, lines }
    }
}

/// `3 s`, or `250 ms` where seconds are too coarse.
fn in_words(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}

// === impl Failure, Mistake ===

impl Failure {
    /// A failure in these words: a reason, without a full stop.
    pub fn new(words: impl Into<Cow<'static, str>>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl Mistake {
    /// A mistake in these words.
    pub fn new(words: impl Into<Cow<'static, str>>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mistake {}

// === private ===

/// Reads the JSON object that a service or a database gave. The parser's own words would quote it.
#[cfg(any(feature = "http", feature = "sql"))]
fn object(json: &[u8]) -> Result<Map<String, Value>, Failure> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    serde_json::from_slice(json).map_err(|error| {
        Failure::new(if error.is_data() {
            "expected a JSON object".to_owned()
        } else {
            format!("invalid JSON at line {}, column {}", error.line(), error.column())
        })
    })
}

/// A parameter as text: a text as it is, anything else as JSON. Null is none.
#[cfg(any(feature = "http", feature = "sql"))]
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into()),
        other => Some(other.to_string().into()),
    }
}
