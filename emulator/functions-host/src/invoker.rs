//! One call from beginning to end: logged, sent to the handler, judged, answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use tokio::time::{sleep, timeout};

use super::answer::{Answer, AnswerBody};
use super::app::Mode;
use super::body::{Bodies, Unread};
use super::call::Call;
use super::client::HandlerClient;
use super::console::Console;
use super::forward;
use super::function::Function;
use super::invocation;
use super::options::Framing;
use super::proxy;
use super::reply::{self, Verdict};
use super::worker::{Run, Worker};

/// What calls are made with.
#[derive(Debug)]
pub(super) struct Invoker {
    pub console: Console,
    pub worker: Worker,
    pub client: HandlerClient,
    pub bodies: Bodies,
    pub mode: Mode,
    pub framing: Framing,
    pub function_timeout: Duration,
    pub hang_limit: Duration,
    /// The host in the URL that the handler sees, where the caller sent none.
    pub host_name: String,
}

/// Why a call has failed.
pub(super) enum Failure {
    /// The reason, for the log.
    Reason(String),
    /// It took longer than this.
    Timeout(Duration),
    /// The host refused the request itself, with a status for the caller.
    Refused(Unread),
}

impl Invoker {
    /// Calls `function` and gives the answer for its caller. There is always one.
    pub(super) async fn invoke(
        self: &Arc<Self>,
        function: &Function,
        call: Call,
        body: Incoming,
    ) -> Response<AnswerBody> {
        let started = Instant::now();
        let id = call.id;
        self.console.executing(&function.name, id);
        let Some(run) = self.worker.ready().await else {
            self.worker.give_up().await;
            self.failed(function, &call, started, "The handler is not running.");
            return Answer::empty(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        };
        if self.mode == Mode::Proxying && function.http_only {
            return proxy::stream(self, function, call, body, run, started).await;
        }
        let outcome = match self.bodies.read(body, call.content_length()).await {
            Ok(body) => self.within_timeout(self.exchange(function, &call, &body.bytes)).await,
            Err(unread) => Err(Failure::Refused(unread)),
        };
        match outcome {
            Ok(answer) => {
                self.console.succeeded(&function.name, id, started.elapsed());
                answer.into_response()
            }
            Err(failure) => self.fail(function, &call, started, run, failure).await,
        }
    }

    /// Logs a failed call and gives the answer for its caller.
    pub(super) async fn fail(
        &self,
        function: &Function,
        call: &Call,
        started: Instant,
        run: Run,
        failure: Failure,
    ) -> Response<AnswerBody> {
        let mut status = StatusCode::INTERNAL_SERVER_ERROR;
        match failure {
            Failure::Reason(reason) => self.failed(function, call, started, &reason),
            Failure::Timeout(limit) => {
                self.console.timed_out(&function.name, call.id, limit);
                self.failed(function, call, started, "The call was cancelled.");
                self.worker.restart(run).await;
            }
            Failure::Refused(unread) => {
                status = StatusCode::from_u16(unread.status).unwrap_or(status);
                self.failed(function, call, started, &unread.reason);
            }
        }
        Answer::empty(status).into_response()
    }

    fn failed(&self, function: &Function, call: &Call, started: Instant, reason: &str) {
        self.console.failed(&function.name, call.id, started.elapsed(), reason);
    }

    /// The call there and the reply back. The caller's part is over by then: a slow caller must not be taken
    /// for a slow handler, which is killed.
    async fn exchange(&self, function: &Function, call: &Call, body: &Bytes) -> Result<Answer, Failure> {
        if self.mode == Mode::Forwarding && function.http_only {
            return Ok(forward::forward(&self.client, call, body.clone()).await?);
        }
        if call.is_chunked() {
            let text = "the caller sent its body in chunks, without a Content-Length: the host gives the handler no body";
            self.console.note(&function.name, call.id, text);
        }
        let envelope = invocation::envelope(call, function, body, &self.host_name)?;
        let reply = self.client.invoke(&function.name, call.id, envelope, self.framing).await?;
        match reply::judge(&reply, function.output.as_deref()) {
            Verdict::Answered { logs, overlooked, answer } => {
                self.console.logs(logs);
                for text in overlooked {
                    self.console.note(&function.name, call.id, text);
                }
                Ok(answer)
            }
            Verdict::Failed(reason) => Err(Failure::Reason(reason)),
            Verdict::Hangs(what) => {
                let limit = self.hang_limit.min(self.function_timeout);
                self.console.note(
                    &function.name,
                    call.id,
                    &format!(
                        "the handler sent {what}, on which the host hangs until functionTimeout ({:?}); here for {limit:?}",
                        self.function_timeout
                    ),
                );
                sleep(limit).await;
                Err(Failure::Timeout(limit))
            }
        }
    }

    async fn within_timeout(
        &self,
        call: impl Future<Output = Result<Answer, Failure>>,
    ) -> Result<Answer, Failure> {
        timeout(self.function_timeout, call).await.unwrap_or(Err(Failure::Timeout(self.function_timeout)))
    }
}

// === impl From ===

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Reason(error.to_string())
    }
}
