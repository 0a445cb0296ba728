//! Proxying (`enableProxyingHttpRequest`): the caller's request streams to the handler, and the reply back.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#http-only-function>; the host
//! uses YARP's forwarder, whose default is to drop hop-by-hop headers and keep the caller's `Host`:
//! <https://learn.microsoft.com/aspnet/core/fundamentals/servers/yarp/direct-forwarding>.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::answer::AnswerBody;
use super::body::BODY_LIMIT;
use super::call::Call;
use super::client::{HOST_VERSION, INVOCATION_HEADER, VERSION_HEADER};
use super::forward::end_to_end;
use super::function::Function;
use super::invoker::{Failure, Invoker};
use super::worker::Run;
use journal::causes;

/// How often connecting to the handler is tried, with pauses that grow from 50 to 250 ms.
const TRIES: u32 = 10;

/// How many pieces of a reply may wait for a slow caller.
const PIECES: usize = 8;

type Piece = Result<Frame<Bytes>, Box<dyn Error + Send + Sync>>;

/// A body whose pieces another task supplies.
struct Piped(mpsc::Receiver<Piece>);

/// Streams `call` with its `body` to the handler, and gives the answer once the head of the reply is there.
/// The call ends, in the log, when the reply has been passed on.
pub(super) async fn stream(
    invoker: &Arc<Invoker>,
    function: &Function,
    call: Call,
    body: Incoming,
    run: Run,
    started: Instant,
) -> Response<AnswerBody> {
    let head = timeout(invoker.function_timeout, send(invoker.client.address(), &call, body));
    let (parts, mut reply) = match head.await.unwrap_or(Err(Failure::Timeout(invoker.function_timeout))) {
        Ok(response) => response.into_parts(),
        Err(failure) => return invoker.fail(function, &call, started, run, failure).await,
    };
    let (pieces, body) = mpsc::channel(PIECES);
    let mut response = Response::new(Piped(body).boxed());
    *response.status_mut() = parts.status;
    *response.headers_mut() = end_to_end(parts.headers);

    let (invoker, function) = (Arc::clone(invoker), function.clone());
    tokio::spawn(async move {
        let left = invoker.function_timeout.saturating_sub(started.elapsed());
        match timeout(left, pass_on(&mut reply, &pieces)).await {
            Ok(Ok(())) => invoker.console.succeeded(&function.name, call.id, started.elapsed()),
            Ok(Err(reason)) => {
                let _ = pieces.try_send(Err(reason.clone().into()));
                invoker.fail(&function, &call, started, run, Failure::Reason(reason)).await;
            }
            Err(_) => {
                let _ = pieces.try_send(Err("the call was cancelled".into()));
                invoker
                    .fail(&function, &call, started, run, Failure::Timeout(invoker.function_timeout))
                    .await;
            }
        }
    });
    response
}

/// Sends the caller's request to the handler at `address`.
async fn send(address: SocketAddr, call: &Call, body: Incoming) -> Result<Response<Incoming>, Failure> {
    let stream = connect(address).await?;
    let handshake = http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| causes(&error))?;
    // Ends with the reply or, at the latest, when the reply is dropped.
    tokio::spawn(connection);

    let mut request = Request::new(Limited::new(body, BODY_LIMIT));
    *request.method_mut() = call.parts.method.clone();
    let path = call.parts.uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| "invalid path".to_owned())?;
    *request.headers_mut() = end_to_end(call.parts.headers.clone());
    let id = HeaderValue::from_str(&call.id.to_string()).map_err(|error| error.to_string())?;
    request.headers_mut().insert(VERSION_HEADER, HeaderValue::from_static(HOST_VERSION));
    request.headers_mut().insert(INVOCATION_HEADER, id.clone());
    request.headers_mut().insert(HeaderName::from_static("x-ms-invocation-id"), id);
    Ok(sender.send_request(request).await.map_err(|error| causes(&error))?)
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let mut tries = 1;
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) if tries == TRIES => return Err(format!("Connecting to the handler: {error}")),
            Err(_) => sleep(Duration::from_millis(u64::from(50 * tries).min(250))).await,
        }
        tries += 1;
    }
}

/// Passes the reply on, piece by piece, to its end or until the caller is gone.
async fn pass_on(reply: &mut Incoming, pieces: &mpsc::Sender<Piece>) -> Result<(), String> {
    while let Some(frame) = reply.frame().await {
        let frame = frame.map_err(|error| format!("The handler's reply broke off: {}", causes(&error)))?;
        if pieces.send(Ok(frame)).await.is_err() {
            break;
        }
    }
    Ok(())
}

// === impl Body ===

impl Body for Piped {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.0.poll_recv(context)
    }
}
