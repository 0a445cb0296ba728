//! Proxying (`enableProxyingHttpRequest`): the caller's request streams to the handler, and the reply back.
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#http-only-function>; the host
//! uses YARP's forwarder, whose default is to drop hop-by-hop headers and keep the caller's `Host`:
//! <https://learn.microsoft.com/aspnet/core/fundamentals/servers/yarp/direct-forwarding>.

use http_body_util::channel::Channel;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, Version};
use journal::causes;
use tokio::time::{Instant, timeout_at};

use crate::invocation::call::Call;
use crate::invocation::execution::{Execution, Failure};
use crate::invocation::forward::end_to_end;
use crate::worker::client::{Body, HOST_VERSION, HandlerClient, INVOCATION_HEADER, VERSION_HEADER};

/// How many pieces of a reply may wait for a slow caller.
const PIECES: usize = 8;

/// Gives the answer once the head of the reply is there. The `execution` ends when the reply has been passed on.
pub(crate) async fn stream(execution: Execution, call: Call, body: Limited<Incoming>) -> Response<Body> {
    let deadline = Instant::now() + execution.worker.app.function_timeout;
    let client = &execution.worker.client;
    let head = async { client.stream(request(client, call, body)?).await };
    let (mut parts, mut reply) = match timeout_at(deadline, head).await {
        Ok(Ok(response)) => response.into_parts(),
        Ok(Err(reason)) => return execution.failed(reason.into()).await,
        Err(_) => return execution.failed(Failure::Timeout).await,
    };
    let (mut pieces, body) = Channel::new(PIECES);
    parts.version = Version::HTTP_11;
    parts.headers = end_to_end(parts.headers);
    let response = Response::from_parts(parts, body.boxed());
    tokio::spawn(async move {
        // To its end, or until the caller is gone.
        let pass_on = async {
            while let Some(frame) = reply.frame().await {
                let broken = |error| format!("The handler's reply broke off: {}", causes(&error));
                if pieces.send(frame.map_err(broken)?).await.is_err() {
                    break;
                }
            }
            Ok::<_, String>(())
        };
        let failure = match timeout_at(deadline, pass_on).await {
            Ok(Ok(())) => return execution.succeeded(),
            Ok(Err(reason)) => reason.into(),
            Err(_) => Failure::Timeout,
        };
        pieces.abort("the call has failed".into());
        execution.failed(failure).await;
    });
    response
}

fn request(client: &HandlerClient, call: Call, body: Limited<Incoming>) -> Result<Request<Body>, String> {
    let id = HeaderValue::from_str(&call.id.to_string()).map_err(|error| error.to_string())?;
    let mut parts = call.parts;
    parts.version = Version::HTTP_11;
    parts.uri = client.uri(parts.uri.path_and_query().map_or("/", |path| path.as_str()))?;
    parts.headers = end_to_end(parts.headers);
    parts.headers.insert(VERSION_HEADER, HOST_VERSION);
    parts.headers.insert(INVOCATION_HEADER, id.clone());
    parts.headers.insert(HeaderName::from_static("x-ms-invocation-id"), id);
    Ok(Request::from_parts(parts, body.boxed()))
}
