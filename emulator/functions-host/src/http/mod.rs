//! Where callers connect: each request routed, its key checked, and its function invoked.

mod keys;
mod routes;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use crate::app::{App, Mode};
use crate::http::routes::{Destination, Routes};
use crate::invocation::Invoker;
use crate::invocation::answer::Answer;
use crate::invocation::call::Call;
use crate::options::HostOptions;
use crate::worker::client::Body;

/// The most that the headers of a request may take, in bytes, as in Kestrel.
/// <https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.maxrequestheaderstotalsize>
const HEADERS_LIMIT: usize = 32 * 1024;

/// What `GET /` shows.
const WELCOME: &str =
    "<!DOCTYPE html><html><body><h1>Your Functions 4.0 app is up and running</h1></body></html>";

/// What callers are served with.
#[derive(Debug)]
pub(crate) struct Server {
    routes: Routes,
    invoker: Arc<Invoker>,
}

impl Server {
    /// A server whose callers call functions of the app by the `invoker`.
    pub(crate) fn new(invoker: Invoker) -> Self {
        Self { routes: Routes::new(&invoker.app), invoker: Arc::new(invoker) }
    }

    /// Serves connections to `listener`, forever. Dropping the future drops the connections.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let server = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(Arc::clone(&server).converse(stream));
                }
                // Mostly too many open files: others have to end first.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Serves one connection to its end.
    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let App { journal, mode, options: HostOptions { caller_timeout, .. }, .. } = &*self.invoker.app;
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let ended = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(*caller_timeout)
            .title_case_headers(true)
            .preserve_header_case(*mode != Mode::Envelope)
            .half_close(true)
            // For the request line too.
            .max_buf_size(2 * HEADERS_LIMIT)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        match ended {
            // hyper has answered it itself.
            Err(error) if error.is_parse() => journal.warn(format!(
                "connection closed: expected HTTP with at most 100 headers of {HEADERS_LIMIT} bytes in all: {error}"
            )),
            Err(error) if error.is_timeout() => {
                journal.warn(format!("connection closed: no request within {caller_timeout:?}"));
            }
            // A caller that goes away.
            Err(_) | Ok(()) => {}
        }
    }

    /// Answers one request.
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let refused = |status: StatusCode, reason: String| {
            self.invoker.app.journal.warn(format!("{}: {reason}", status.as_u16()));
            Answer::empty(status).into_response()
        };
        if self.invoker.worker.is_stopped() {
            let text = Bytes::from_static(b"Function host is not running.");
            return Answer::text(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        }
        if size(&parts.headers) > HEADERS_LIMIT {
            let reason =
                format!("expected headers of at most {HEADERS_LIMIT} bytes, found {}", size(&parts.headers));
            return refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason);
        }
        let (function, call) = match self.routes.find(&parts) {
            Destination::Function { function, parameters, query, identity } => {
                (function, Call { id: Uuid::new_v4(), query, parameters, identity, parts })
            }
            Destination::Welcome => {
                let mut answer = Answer::text(StatusCode::OK, WELCOME.into());
                answer.set_content_type(HeaderValue::from_static("text/html"));
                return answer.into_response();
            }
            Destination::NotFound => {
                let reason = format!("no function answers to {} {}", parts.method, parts.uri.path());
                return refused(StatusCode::NOT_FOUND, reason);
            }
            Destination::Unauthorized => {
                let path = parts.uri.path();
                let reason = format!("{path} needs a key, and the caller's is missing or wrong");
                return refused(StatusCode::UNAUTHORIZED, reason);
            }
        };
        // A caller that goes away does not end its call.
        let invoker = Arc::clone(&self.invoker);
        let call = tokio::spawn(async move { invoker.invoke(function, call, body).await });
        call.await.unwrap_or_else(|_| Answer::empty(StatusCode::INTERNAL_SERVER_ERROR).into_response())
    }
}

/// How many bytes `headers` take on the wire.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}
