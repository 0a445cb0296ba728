//! `HttpTrigger1`: the body of one call in, the answer and the function's log out.
//!
//! It runs the allocation policy and tells the story that the tutorial's C# function tells, line by
//! line, so that who knows the one log can read the other:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::allocation::{Notes, Policy, Refusal};
use crate::body::Unread;
use crate::webhook::AllocationRequest;

/// What the caller of the function gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status: 200 assigned, 400 refused, 408, 413 and 503 unread, 500 when the policy panicked.
    pub status: u16,
    /// The media type of `body`: that of ASP.NET Core's `OkObjectResult` or `BadRequestObjectResult`.
    pub content_type: &'static str,
    /// The allocation response as JSON, or a sentence.
    pub body: String,
}

/// One run of the function.
#[derive(Debug)]
pub struct Run {
    /// What the caller gets.
    pub answer: Answer,
    /// What the function logged, an entry a call of the sample's `log.LogInformation`.
    pub log: Vec<Entry>,
}

/// An entry of the function's log. It may hold line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The request's body as received, which whoever logs it has at hand.
    Body,
    /// These words.
    Words(Cow<'static, str>),
}

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Runs the function on the body of a request. Never fails: whatever happens becomes an answer.
#[must_use]
pub fn http_trigger1(body: &str, policy: Policy) -> Run {
    let mut notes = Notes::default();
    // The notes are only read after a panic, and a half-written note list is still a list of notes.
    let outcome = catch_unwind(AssertUnwindSafe(|| decide(body, policy, &mut notes)));
    let answer = match outcome {
        Ok(Ok(json)) => Answer { status: 200, content_type: JSON, body: json },
        Ok(Err(refusal)) => text(400, refusal.to_string()),
        Err(panic) => {
            notes.add(format!("The allocation policy panicked: {}", message_of(&*panic)));
            text(500, "The allocation policy failed; the function's log says how.".to_owned())
        }
    };
    let notes = notes.into_lines();
    let mut log = Vec::with_capacity(notes.len() + 5);
    log.extend([words(PROCESSED), words("Request.Body:..."), Entry::Body]);
    log.extend(notes.into_iter().map(words));
    end(log, answer)
}

/// Answers for a request whose body could not be read, so that the function could not run.
#[must_use]
pub fn unread(reason: &Unread) -> Run {
    end(vec![words(PROCESSED)], text(reason.status(), reason.to_string()))
}

// === impl Entry ===

impl Entry {
    /// The entry's text; `body` is the body of the request.
    #[must_use]
    pub fn text<'a>(&'a self, body: &'a str) -> &'a str {
        match self {
            Self::Body => body,
            Self::Words(words) => words,
        }
    }
}

// === private ===

const PROCESSED: &str = "Rust HTTP trigger function processed a request.";

fn decide(body: &str, policy: Policy, notes: &mut Notes) -> Result<String, Refusal> {
    let request = AllocationRequest::parse(body)?;
    let response = policy(&request, notes)?;
    serde_json::to_string(&response)
        .map_err(|error| Refusal::new(format!("The allocation response cannot be written: {error}.")))
}

/// Closes the log as the sample does: a heading, and what was answered.
fn end(mut log: Vec<Entry>, answer: Answer) -> Run {
    log.extend([words("\nResponse"), words(answer.body.clone())]);
    Run { answer, log }
}

fn words(words: impl Into<Cow<'static, str>>) -> Entry {
    Entry::Words(words.into())
}

fn text(status: u16, body: String) -> Answer {
    Answer { status, content_type: TEXT, body }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why")
}
