//! Where callers connect: each request routed, its key checked, and its function invoked.

mod routes;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::app::{App, Mode};
use crate::invocation;
use crate::options::HostOptions;
use crate::worker::Worker;
use crate::worker::client::{Answer, Body};

/// The most that the headers of a request may take, in bytes, as in Kestrel.
/// <https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.maxrequestheaderstotalsize>
const HEADERS_LIMIT: usize = 32 * 1024;

const WELCOME: &str =
    "<!DOCTYPE html><html><body><h1>Your Functions 4.0 app is up and running</h1></body></html>";

/// Serves connections to `listener`, forever. Dropping the future drops the connections.
pub(crate) async fn serve(listener: TcpListener, worker: Arc<Worker>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(converse(stream, Arc::clone(&worker)));
            }
            // Mostly too many open files: others have to end first.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn converse(stream: TcpStream, worker: Arc<Worker>) {
    let App { journal, mode, options: HostOptions { caller_timeout, .. }, .. } = &*worker.app;
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let worker = Arc::clone(&worker);
        async move { Ok::<_, Infallible>(answer(request, worker).await) }
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

async fn answer(request: Request<Incoming>, worker: Arc<Worker>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if worker.is_stopped() {
        let text = Bytes::from_static(b"Function host is not running.");
        return Answer::text(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    let is_root = parts.method == Method::GET && parts.uri.path().trim_matches('/').is_empty();
    let size: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let found = if size > HEADERS_LIMIT {
        let reason = format!("expected headers of at most {HEADERS_LIMIT} bytes, found {size}");
        Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason))
    } else {
        routes::find(&worker.app, parts)
    };
    match found {
        Ok((function, call)) => {
            // A caller that goes away does not end its call.
            let call = tokio::spawn(async move { invocation::invoke(&worker, function, call, body).await });
            call.await.unwrap_or_else(|_| Answer::empty(StatusCode::INTERNAL_SERVER_ERROR).into_response())
        }
        Err((StatusCode::NOT_FOUND, _)) if is_root => {
            let mut answer = Answer::text(StatusCode::OK, WELCOME.into());
            answer.set_content_type(HeaderValue::from_static("text/html"));
            answer.into_response()
        }
        Err((status, reason)) => {
            worker.app.journal.warn(format!("{}: {reason}", status.as_u16()));
            Answer::empty(status).into_response()
        }
    }
}
