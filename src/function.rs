//! The function, `HttpTrigger1` in the tutorial: the body of one call in, the answer and the function's log out.
//!
//! It runs the allocation policy and tells the story that the tutorial's C# function tells, line by
//! line, so that whoever knows one log can read the other:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

use std::any::Any;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::allocation::{Notes, Policy, Refusal};
use crate::body::Unread;
use crate::webhook::AllocationRequest;

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
    /// What the policy had to say, a line each.
    notes: Vec<String>,
}

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Runs the function on the body of a request. Never fails: whatever happens becomes an answer, a panic of the policy
/// too.
#[must_use]
pub fn run(body: &str, policy: &dyn Policy) -> Run {
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
    Run { answer, notes: notes.into_lines() }
}

/// Answers for a request whose body could not be read, so that the function could not run.
#[must_use]
pub fn unread(reason: &Unread) -> Run {
    Run { answer: text(reason.status(), reason.to_string()), notes: Vec::new() }
}

// === impl Run ===

impl Run {
    /// The function's log, an entry a call of the sample's `log.LogInformation`; entries may hold line ends.
    /// `body` is that of the request, as received, if it could be read.
    pub fn log<'a, E: From<&'a str>>(&'a self, body: Option<E>) -> impl Iterator<Item = E> {
        let request = body.into_iter().flat_map(|body| ["Request.Body:...".into(), body]);
        let notes = self.notes.iter().map(|note| note.as_str().into());
        iter::once("Rust HTTP trigger function processed a request.".into())
            .chain(request)
            .chain(notes)
            .chain(["\nResponse".into(), self.answer.body.as_str().into()])
    }
}

// === private ===

fn decide(body: &str, policy: &dyn Policy, notes: &mut Notes) -> Result<String, Refusal> {
    let request = AllocationRequest::parse(body)?;
    let response = policy.allocate(&request, notes)?;
    serde_json::to_string(&response)
        .map_err(|error| Refusal::new(format!("The allocation response cannot be written: {error}.")))
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
