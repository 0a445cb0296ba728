//! One execution of a function, from beginning to end in the log.
//! The words: <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies> and
//! `ColoredConsoleLogger.cs` in <https://github.com/Azure/azure-functions-core-tools>.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::{Response, StatusCode};
use tokio::time::sleep;
use uuid::Uuid;

use crate::worker::client::{Answer, Body};
use crate::worker::{Run, Worker};

pub(crate) struct Execution {
    pub(crate) worker: Arc<Worker>,
    /// The run of the handler that it takes place in, once that is ready.
    pub(crate) run: Option<Run>,
    function: String,
    id: Uuid,
    started: Instant,
}

#[derive(Debug)]
pub(crate) enum Failure {
    /// The status for the caller, and the reason for the log.
    Refused(StatusCode, String),
    /// It took longer than `functionTimeout`.
    Timeout,
    /// The handler's reply was one on which the host waits forever: which.
    Hang(&'static str),
}

impl Execution {
    pub(crate) fn begin(worker: &Arc<Worker>, function: &str, id: Uuid) -> Self {
        worker.app.journal.info(format!(
            "Executing 'Functions.{function}' (Reason='This function was programmatically called via the host APIs.', Id={id})"
        ));
        let (worker, function) = (Arc::clone(worker), function.to_owned());
        Self { worker, run: None, function, id, started: Instant::now() }
    }

    /// Logs something about the call that the real host does not log.
    pub(crate) fn note(&self, text: &str) {
        self.worker.app.journal.warn(format!("Functions.{} (Id={}): {text}", self.function, self.id));
    }

    /// Ends it well, whatever status its caller is given.
    pub(crate) fn succeeded(&self) {
        self.worker.app.journal.info(self.executed("Succeeded"));
    }

    /// Ends it with a `failure`. The handler is started again after a timeout. Gives the answer for the caller.
    pub(crate) async fn failed(&self, failure: Failure) -> Response<Body> {
        let Self { worker, function, id, .. } = self;
        let app = &worker.app;
        let cancelled = (StatusCode::INTERNAL_SERVER_ERROR, "The call was cancelled.".to_owned());
        let ((status, reason), limit) = match failure {
            Failure::Refused(status, reason) => ((status, reason), None),
            Failure::Timeout => (cancelled, Some(app.function_timeout)),
            Failure::Hang(what) => {
                let (real, limit) = (app.function_timeout, app.options.hang_limit.min(app.function_timeout));
                self.note(&format!(
                    "the handler sent {what}, on which the host hangs until functionTimeout ({real:?}); here for {limit:?}"
                ));
                sleep(limit).await;
                (cancelled, Some(limit))
            }
        };
        if let Some(limit) = limit {
            app.journal.error(format!(
                "Timeout value of {} exceeded by function 'Functions.{function}' (Id: '{id}'). Initiating cancellation.",
                time_span(limit)
            ));
        }
        let executed = self.executed("Failed");
        app.journal
            .error(format!("{executed}\nException while executing function: Functions.{function}. {reason}"));
        if let Some(run) = self.run.filter(|_| limit.is_some()) {
            worker.restart(run).await;
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
    let fraction = if millis > 0 { format!(".{millis:03}") } else { String::new() };
    format!("{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Refused(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }
}
