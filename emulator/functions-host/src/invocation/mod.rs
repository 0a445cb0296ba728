//! One call from beginning to end: logged, sent to the handler, its reply judged, answered.

pub(crate) mod answer;
pub(crate) mod call;
mod envelope;
mod execution;
mod forward;
pub(crate) mod identity;
mod metadata;
mod proxy;
mod reply;
pub(crate) mod url;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use tokio::time::timeout;

use crate::app::Mode;
use crate::app::function::Function;
use crate::invocation::call::Call;
use crate::invocation::envelope::envelope;
use crate::invocation::execution::{Execution, Failure};
use crate::worker::Worker;
use crate::worker::client::{Answer, Body};

/// The largest body of a request, in bytes.
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits>
const BODY_LIMIT: usize = 100 * 1024 * 1024;

/// Calls the `nth` function of the app and gives the answer for its caller. There is always one.
pub(crate) async fn invoke(worker: &Arc<Worker>, nth: usize, call: Call, body: Incoming) -> Response<Body> {
    let app = &worker.app;
    let function = &app.functions[nth];
    let mut execution = Execution::begin(worker, &function.name, call.id);
    execution.run = worker.ready().await;
    if execution.run.is_none() {
        worker.give_up().await;
        return execution.failed("The handler is not running.".to_owned().into()).await;
    }
    let body = Limited::new(body, BODY_LIMIT);
    if app.mode == Mode::Proxying && function.http_only {
        return proxy::stream(execution, call, body).await;
    }
    let outcome = match read(body, call.content_length(), app.options.caller_timeout).await {
        // The caller's part is over: a slow caller must not be taken for a slow handler, which is killed.
        Ok(body) => timeout(app.function_timeout, exchange(function, &call, body, &execution))
            .await
            .unwrap_or(Err(Failure::Timeout)),
        Err((status, reason)) => Err(Failure::Refused(status, reason)),
    };
    match outcome {
        Ok(answer) => {
            execution.succeeded();
            answer.into_response()
        }
        Err(failure) => execution.failed(failure).await,
    }
}

/// Reads a body of the announced `length`. One that was not announced is not read: the host gives its handler none.
async fn read(body: Limited<Incoming>, length: u64, limit: Duration) -> Result<Bytes, (StatusCode, String)> {
    if length == 0 {
        return Ok(Bytes::new());
    }
    if length > BODY_LIMIT as u64 {
        let reason =
            format!("expected a body of at most {BODY_LIMIT} bytes, found a Content-Length of {length}");
        return Err((StatusCode::PAYLOAD_TOO_LARGE, reason));
    }
    match timeout(limit, body.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) => Err((StatusCode::BAD_REQUEST, format!("the caller's body broke off: {error}"))),
        Err(_) => {
            let reason = format!("the caller's body of {length} bytes did not arrive within {limit:?}");
            Err((StatusCode::REQUEST_TIMEOUT, reason))
        }
    }
}

async fn exchange(
    function: &Function,
    call: &Call,
    body: Bytes,
    execution: &Execution,
) -> Result<Answer, Failure> {
    let Worker { app, client, .. } = &*execution.worker;
    if app.mode == Mode::Forwarding && function.http_only {
        return Ok(forward::forward(client, call, body).await?);
    }
    if call.is_chunked() {
        execution.note("the caller sent its body in chunks, without a Content-Length: the host gives the handler no body");
    }
    let envelope = envelope(call, function, &body, &app.host_name)?;
    let path = format!("/{}", function.name);
    let reply = client.post(path, call.id, envelope, app.options.framing).await?;
    reply::judge(&reply, function.output.as_deref(), execution)
}
