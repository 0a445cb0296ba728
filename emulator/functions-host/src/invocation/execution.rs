//! One execution of a function, from beginning to end in the log.
//!
//! The words: <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies> and
//! `ColoredConsoleLogger.cs` in <https://github.com/Azure/azure-functions-core-tools>.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::{Response, StatusCode};
use tokio::time::sleep;
use uuid::Uuid;

use crate::app::App;
use crate::invocation::answer::Answer;
use crate::worker::client::Body;
use crate::worker::{Run, Worker};

/// An execution that has begun.
pub(crate) struct Execution {
    app: Arc<App>,
    worker: Arc<Worker>,
    function: String,
    id: Uuid,
    started: Instant,
}

/// Why a call has failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The status for the caller, and the reason for the log.
    Refused(StatusCode, String),
    /// It took longer than this.
    Timeout(Duration),
    /// The handler's reply was one on which the host waits forever: which.
    Hang(&'static str),
}

impl Execution {
    /// Begins the execution `id` of `function`.
    pub(crate) fn begin(app: &Arc<App>, worker: &Arc<Worker>, function: &str, id: Uuid) -> Self {
        app.journal.info(format!(
            "Executing 'Functions.{function}' (Reason='This function was programmatically called via the host APIs.', Id={id})"
        ));
        let (app, worker) = (Arc::clone(app), Arc::clone(worker));
        Self { app, worker, function: function.to_owned(), id, started: Instant::now() }
    }

    /// What the function logged: an entry each, with as many lines as it has.
    pub(crate) fn logs(&self, logs: Vec<String>) {
        logs.into_iter().for_each(|log| self.app.journal.info(log));
    }

    /// Logs something about the call that the real host does not log.
    pub(crate) fn note(&self, text: &str) {
        self.app.journal.warn(format!("Functions.{} (Id={}): {text}", self.function, self.id));
    }

    /// Ends it well, whatever status its caller is given.
    pub(crate) fn succeeded(&self) {
        self.app.journal.info(self.executed("Succeeded"));
    }

    /// Ends it with a `failure` in a `run` of the handler, which is started again after a timeout. Gives the
    /// answer for the caller.
    pub(crate) async fn failed(&self, failure: Failure, run: Option<Run>) -> Response<Body> {
        let Self { app, function, id, .. } = self;
        let limit = match &failure {
            Failure::Refused(..) => None,
            Failure::Timeout(limit) => Some(*limit),
            Failure::Hang(what) => {
                let (real, limit) = (app.function_timeout, app.options.hang_limit.min(app.function_timeout));
                self.note(&format!(
                    "the handler sent {what}, on which the host hangs until functionTimeout ({real:?}); here for {limit:?}"
                ));
                sleep(limit).await;
                Some(limit)
            }
        };
        if let Some(limit) = limit {
            app.journal.error(format!(
                "Timeout value of {} exceeded by function 'Functions.{function}' (Id: '{id}'). Initiating cancellation.",
                time_span(limit)
            ));
        }
        let (status, reason) = match failure {
            Failure::Refused(status, reason) => (status, reason),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "The call was cancelled.".to_owned()),
        };
        let executed = self.executed("Failed");
        app.journal
            .error(format!("{executed}\nException while executing function: Functions.{function}. {reason}"));
        if let Some(run) = run.filter(|_| limit.is_some()) {
            self.worker.restart(run).await;
        }
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
        Self::Refused(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }
}
