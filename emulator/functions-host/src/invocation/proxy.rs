//! Proxying (`enableProxyingHttpRequest`): the caller's request streams to the handler, and the reply back.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#http-only-function>; the host
//! uses YARP's forwarder, whose default is to drop hop-by-hop headers and keep the caller's `Host`:
//! <https://learn.microsoft.com/aspnet/core/fundamentals/servers/yarp/direct-forwarding>.

use std::time::Duration;

use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};
use journal::causes;
use tokio::time::{Instant, timeout_at};

use crate::invocation::call::Call;
use crate::invocation::execution::{Execution, Failure};
use crate::invocation::forward::end_to_end;
use crate::worker::Run;
use crate::worker::client::{Body, HOST_VERSION, HandlerClient, INVOCATION_HEADER, VERSION_HEADER};

/// How many pieces of a reply may wait for a slow caller.
const PIECES: usize = 8;

/// Streams `call` with its `body` (of up to `body_limit` bytes) to the handler, and gives the answer once the
/// head of the reply is there. The `execution` ends when the reply has been passed on, or after `limit`.
pub(crate) async fn stream(
    execution: Execution,
    client: &HandlerClient,
    call: Call,
    body: Limited<Incoming>,
    run: Run,
    limit: Duration,
) -> Response<Body> {
    let deadline = Instant::now() + limit;
    let head = match request(client, call, body) {
        Ok(request) => timeout_at(deadline, client.stream(request)).await,
        Err(reason) => Ok(Err(reason)),
    };
    let (parts, mut reply) = match head {
        Ok(Ok(response)) => response.into_parts(),
        Ok(Err(reason)) => return execution.failed(Failure::from(reason), Some(run)).await,
        Err(_) => return execution.failed(Failure::Timeout(limit), Some(run)).await,
    };
    let (mut pieces, body) = Channel::new(PIECES);
    let mut response = Response::new(body.boxed());
    *response.status_mut() = parts.status;
    *response.headers_mut() = end_to_end(parts.headers);
    *response.extensions_mut() = parts.extensions;
    tokio::spawn(async move {
        let failure = match timeout_at(deadline, pass_on(&mut reply, &mut pieces)).await {
            Ok(Ok(())) => return execution.succeeded(),
            Ok(Err(reason)) => Failure::from(reason),
            Err(_) => Failure::Timeout(limit),
        };
        pieces.abort("the call has failed".into());
        execution.failed(failure, Some(run)).await;
    });
    response
}

/// The caller's request, for the handler.
fn request(client: &HandlerClient, call: Call, body: Limited<Incoming>) -> Result<Request<Body>, String> {
    let id = HeaderValue::from_str(&call.id.to_string()).map_err(|error| error.to_string())?;
    let path = call.parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::new(body.boxed());
    *request.method_mut() = call.parts.method.clone();
    *request.uri_mut() = client.uri(path)?;
    *request.headers_mut() = end_to_end(call.parts.headers);
    request.headers_mut().insert(VERSION_HEADER, HOST_VERSION);
    request.headers_mut().insert(INVOCATION_HEADER, id.clone());
    request.headers_mut().insert(HeaderName::from_static("x-ms-invocation-id"), id);
    *request.extensions_mut() = call.parts.extensions;
    Ok(request)
}

/// Passes the reply on, piece by piece, to its end or until the caller is gone.
async fn pass_on(
    reply: &mut Incoming,
    pieces: &mut Sender<Bytes, Box<dyn std::error::Error + Send + Sync>>,
) -> Result<(), String> {
    while let Some(frame) = reply.frame().await {
        let frame = frame.map_err(|error| format!("The handler's reply broke off: {}", causes(&error)))?;
        if pieces.send(frame).await.is_err() {
            break;
        }
    }
    Ok(())
}
