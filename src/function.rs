//! The function, `HttpTrigger1` in the tutorial: the body of one call in, the answer and the function's log out.
//!
//! It runs the allocation policy and tells the story that the tutorial's C# function tells, line by
//! line, so that whoever knows one log can read the other:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

use std::any::Any;
use std::borrow::Cow;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::allocation::{Notes, Refusal};
use crate::body::Unread;
use crate::log_body::LogBody;
use crate::policies::{LookedUp, ServedPolicy};

/// What the caller of the function gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status: 200 assigned, 400 refused, 408, 413 and 503 not read, 500 when the policy panicked.
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
    /// What the look-ups and the policy had to say, a line each.
    notes: Vec<String>,
    /// What the log shows in place of the request's body, if not the body.
    instead_of_body: Option<Cow<'static, str>>,
}

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Runs the function on the body of a request, and on what was looked up for it. Never fails: whatever happens becomes
/// an answer, a panic of the policy too. `log_body` says how much of the body the log and the answer may show.
#[must_use]
pub fn run(body: &str, policy: &ServedPolicy, looked_up: LookedUp, log_body: LogBody) -> Run {
    let mut notes = Notes::default();
    // The notes are only read after a panic, and a half-written note list is still a list of notes.
    let outcome = catch_unwind(AssertUnwindSafe(|| policy.decide(body, looked_up, &mut notes)));
    let answer = match outcome {
        Ok(Ok(json)) => Answer { status: 200, content_type: JSON, body: json },
        Ok(Err(refusal)) => refused(refusal, log_body),
        Err(panic) => {
            notes.add(format!("The allocation policy panicked: {}", message_of(&*panic)));
            text(500, "The allocation policy failed; the function's log says how.".to_owned())
        }
    };
    Run { answer, notes: notes.into_lines(), instead_of_body: log_body.instead_of(body) }
}

/// Answers for a request whose body could not be read, so that the function could not run.
#[must_use]
pub fn unread(reason: &Unread) -> Run {
    Run { answer: text(reason.status(), reason.to_string()), notes: Vec::new(), instead_of_body: None }
}

// === impl Run ===

impl Run {
    /// The function's log, an entry a call of the sample's `log.LogInformation`; entries may hold line ends.
    /// `body` is that of the request, as received, if it could be read.
    pub fn log<'a, E: From<&'a str>>(&'a self, body: Option<E>) -> impl Iterator<Item = E> {
        let body = body.map(|body| self.instead_of_body.as_deref().map_or(body, E::from));
        let request = body.into_iter().flat_map(|body| ["Request.Body:...".into(), body]);
        let notes = self.notes.iter().map(|note| note.as_str().into());
        iter::once("Rust HTTP trigger function processed a request.".into())
            .chain(request)
            .chain(notes)
            .chain(["\nResponse".into(), self.answer.body.as_str().into()])
    }
}

// === private ===

fn refused(refusal: Refusal, log_body: LogBody) -> Answer {
    let status = if refusal.asks_again() { 503 } else { 400 };
    text(status, if log_body.may_quote() { refusal.to_string() } else { refusal.without_quotes().to_owned() })
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
