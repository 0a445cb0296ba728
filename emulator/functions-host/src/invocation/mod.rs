//! One call from beginning to end: logged, sent to the handler, its reply judged, answered.

pub(crate) mod answer;
pub(crate) mod call;
mod envelope;
mod execution;
mod forward;
pub(crate) mod identity;
mod members;
mod metadata;
mod proxy;
mod reply;
pub(crate) mod url;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;
use uuid::Uuid;

use crate::app::function::Function;
use crate::app::{App, Mode};
use crate::invocation::answer::Answer;
use crate::invocation::call::Call;
use crate::invocation::envelope::envelope;
use crate::invocation::execution::{Execution, Failure};
use crate::invocation::reply::Answered;
use crate::options::Framing;
use crate::worker::Worker;
use crate::worker::client::{
    Body, HOST_VERSION, INVOCATION_HEADER, RawReply, USER_AGENT, VERSION_HEADER, framed,
};

/// The largest body of a request, in bytes.
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits>
const BODY_LIMIT: usize = 100 * 1024 * 1024;

/// How many redirects are followed, as .NET's `HttpClient` does by default.
const REDIRECTS: usize = 50;

/// What calls are made with.
#[derive(Debug)]
pub(crate) struct Invoker {
    pub(crate) app: Arc<App>,
    pub(crate) worker: Arc<Worker>,
}

impl Invoker {
    /// Calls the `nth` function of the app and gives the answer for its caller. There is always one.
    pub(crate) async fn invoke(&self, nth: usize, call: Call, body: Incoming) -> Response<Body> {
        let function = &self.app.functions[nth];
        let execution = Execution::begin(&self.app, &self.worker, &function.name, call.id);
        let Some(run) = self.worker.ready().await else {
            self.worker.give_up().await;
            return execution.failed("The handler is not running.".to_owned().into(), None).await;
        };
        let body = Limited::new(body, BODY_LIMIT);
        if self.app.mode == Mode::Proxying && function.http_only {
            let client = &self.worker.client;
            return proxy::stream(execution, client, call, body, run, self.app.function_timeout).await;
        }
        let outcome = match self.read(body, call.content_length()).await {
            // The caller's part is over: a slow caller must not be taken for a slow handler, which is killed.
            Ok(body) => timeout(self.app.function_timeout, self.exchange(function, &call, body, &execution))
                .await
                .unwrap_or(Err(Failure::Timeout(self.app.function_timeout))),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(answer) => {
                execution.succeeded();
                answer.into_response()
            }
            Err(failure) => execution.failed(failure, Some(run)).await,
        }
    }

    /// Reads a body that was announced with `length` bytes. One that was not announced is not read: the
    /// host gives its handler none.
    async fn read(&self, body: Limited<Incoming>, length: u64) -> Result<Bytes, Failure> {
        let refused = |status, reason| Err(Failure::Refused(status, reason));
        if length == 0 {
            return Ok(Bytes::new());
        }
        if length > BODY_LIMIT as u64 {
            let reason =
                format!("expected a body of at most {BODY_LIMIT} bytes, found a Content-Length of {length}");
            return refused(StatusCode::PAYLOAD_TOO_LARGE, reason);
        }
        let limit = self.app.options.caller_timeout;
        match timeout(limit, body.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => {
                refused(StatusCode::BAD_REQUEST, format!("the caller's body broke off: {error}"))
            }
            Err(_) => {
                let reason = format!("the caller's body of {length} bytes did not arrive within {limit:?}");
                refused(StatusCode::REQUEST_TIMEOUT, reason)
            }
        }
    }

    /// The call there and the reply back.
    async fn exchange(
        &self,
        function: &Function,
        call: &Call,
        body: Bytes,
        execution: &Execution,
    ) -> Result<Answer, Failure> {
        if self.app.mode == Mode::Forwarding && function.http_only {
            return Ok(forward::forward(&self.worker.client, call, body).await?);
        }
        if call.is_chunked() {
            execution.note("the caller sent its body in chunks, without a Content-Length: the host gives the handler no body");
        }
        let envelope = envelope(call, function, &body, &self.app.host_name)?;
        let reply = self.post(&function.name, call.id, envelope).await?;
        let Answered { logs, ignored, answer } = reply::judge(&reply, function.output.as_deref())?;
        execution.logs(logs);
        ignored.into_iter().for_each(|text| execution.note(text));
        Ok(answer)
    }

    /// Posts the `envelope` of call `id` to `/<function>`. Redirects within the handler are followed.
    async fn post(&self, function: &str, id: Uuid, envelope: Bytes) -> Result<RawReply, String> {
        let client = &self.worker.client;
        let (mut method, mut path) = (Method::POST, format!("/{function}"));
        for _ in 0..REDIRECTS {
            let mut request = Request::builder()
                .method(&method)
                .uri(client.uri(&path)?)
                .header(header::HOST, client.address().to_string())
                .header(VERSION_HEADER, HOST_VERSION)
                .header(INVOCATION_HEADER, id.to_string())
                .header(header::USER_AGENT, USER_AGENT);
            let body = if method == Method::POST {
                let kind = HeaderValue::from_static("application/json; charset=utf-8");
                request = request.header(header::CONTENT_TYPE, kind);
                framed(envelope.clone(), self.app.options.framing)
            } else {
                framed(Bytes::new(), Framing::ContentLength)
            };
            let reply = client.send(request.body(body).map_err(|error| error.to_string())?).await?;
            let Some(location) = client.redirect(&reply)? else { return Ok(reply) };
            // As HttpClient: a POST becomes a GET, except after 307 and 308.
            if !matches!(reply.status.as_u16(), 307 | 308) {
                method = Method::GET;
            }
            path = location;
        }
        Err(format!("the handler redirected more than {REDIRECTS} times"))
    }
}
