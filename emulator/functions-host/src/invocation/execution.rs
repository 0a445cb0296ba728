//! One execution of a function, from beginning to end in the log.
//!
//! The words: <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies> and
//! `ColoredConsoleLogger.cs` in <https://github.com/Azure/azure-functions-core-tools>.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::{Response, StatusCode};
use journal::Journal;
use uuid::Uuid;

use crate::invocation::answer::Answer;
use crate::worker::client::Body;
use crate::worker::{Run, Worker};

/// An execution that has begun.
pub(crate) struct Execution {
    journal: Journal,
    worker: Arc<Worker>,
    function: String,
    id: Uuid,
    started: Instant,
}

/// Why a call has failed.
pub(crate) enum Failure {
    /// The reason, for the log.
    Reason(String),
    /// It took longer than this.
    Timeout(Duration),
    /// The host refused the request itself, with a status for the caller and a reason for the log.
    Refused(StatusCode, String),
}

impl Execution {
    /// Begins the execution `id` of `function`.
    pub(crate) fn begin(journal: &Journal, worker: &Arc<Worker>, function: &str, id: Uuid) -> Self {
        journal.info(format!(
            "Executing 'Functions.{function}' (Reason='This function was programmatically called via the host APIs.', Id={id})"
        ));
        let (journal, worker) = (journal.clone(), Arc::clone(worker));
        Self { journal, worker, function: function.to_owned(), id, started: Instant::now() }
    }

    /// What the function logged: an entry each, with as many lines as it has.
    pub(crate) fn logs(&self, logs: Vec<String>) {
        logs.into_iter().for_each(|log| self.journal.info(log));
    }

    /// Logs something about the call that the real host does not log.
    pub(crate) fn note(&self, text: &str) {
        self.journal.warn(format!("Functions.{} (Id={}): {text}", self.function, self.id));
    }

    /// Ends it well, whatever status its caller is given.
    pub(crate) fn succeeded(&self) {
        self.journal.info(self.executed("Succeeded"));
    }

    /// Ends it with a `failure` in a `run` of the handler, which is started again after a timeout. Gives the
    /// answer for the caller.
    pub(crate) async fn failed(&self, failure: Failure, run: Option<Run>) -> Response<Body> {
        let (status, reason) = match failure {
            Failure::Reason(reason) => (StatusCode::INTERNAL_SERVER_ERROR, reason),
            Failure::Refused(status, reason) => (status, reason),
            Failure::Timeout(limit) => {
                self.journal.error(format!(
                    "Timeout value of {} exceeded by function 'Functions.{}' (Id: '{}'). Initiating cancellation.",
                    time_span(limit),
                    self.function,
                    self.id
                ));
                if let Some(run) = run {
                    self.worker.restart(run).await;
                }
                (StatusCode::INTERNAL_SERVER_ERROR, "The call was cancelled.".to_owned())
            }
        };
        self.journal.error(format!(
            "{}\nException while executing function: Functions.{}. {reason}",
            self.executed("Failed"),
            self.function
        ));
        Answer::empty(status).into_response()
    }

    fn executed(&self, how: &str) -> String {
        let (function, id, took) = (&self.function, self.id, self.started.elapsed().as_millis());
        format!("Executed 'Functions.{function}' ({how}, Id={id}, Duration={took}ms)")
    }
}

/// `limit` as .NET writes it.
fn time_span(limit: Duration) -> String {
    let (seconds, millis) = (limit.as_secs(), limit.subsec_millis());
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if millis > 0 {
        let _ = write!(text, ".{millis:03}");
    }
    text
}

// === impl From ===

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}
