//! Where callers connect: connections within bounds, each request routed, checked and invoked.

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::answer::{Answer, AnswerBody};
use super::call::Call;
use super::invoker::Invoker;
use super::routes::{Route, Routes};
use super::stall::Patient;

/// How many connections are served at once; more wait to be accepted.
const CONNECTIONS: usize = 4096;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// The longest head of a request, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;

/// What `GET /` shows.
const WELCOME: &str =
    "<!DOCTYPE html><html><body><h1>Your Functions 4.0 app is up and running</h1></body></html>";

/// What callers are served with.
#[derive(Debug)]
pub(super) struct Server {
    pub routes: Routes,
    pub invoker: Arc<Invoker>,
    /// `caller_timeout` of the options.
    pub timeout: Duration,
}

/// Listens at `address`.
///
/// # Errors
///
/// The system's, where that is not possible.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Server {
    /// Serves connections to `listener`, forever. Dropping the future drops the connections.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = Arc::clone(&self);
                    connections.spawn(async move {
                        server.converse(stream).await;
                        drop(place);
                    });
                }
                // Mostly too many open files: others have to end first.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Serves one connection to its end.
    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let ended = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.timeout)
            .title_case_headers(true)
            .half_close(true)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(Patient::new(stream, self.timeout)), service)
            .await;
        let console = &self.invoker.console;
        match ended {
            // hyper has answered it itself.
            Err(error) if error.is_parse() => console.closed(&format!(
                "expected HTTP with a request head of at most {HEAD_LIMIT} bytes and 100 headers: {error}"
            )),
            Err(error) if error.is_timeout() => {
                console.closed(&format!("no request within {:?}", self.timeout));
            }
            Err(error) if has_stalled(&error) => {
                console.closed(&format!("nothing of the answer was taken within {:?}", self.timeout));
            }
            // A caller that goes away.
            Err(_) | Ok(()) => {}
        }
    }

    /// Answers one request.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<AnswerBody> {
        let (parts, body) = request.into_parts();
        let status = |status| Answer::empty(status).into_response();
        if self.invoker.worker.is_stopped() {
            let text = Bytes::from_static(b"Function host is not running.");
            return Answer::text(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        }
        let (function, call) = match self.routes.find(&parts) {
            Route::Function { function, parameters, query, identity } => {
                let call = Call { id: Uuid::new_v4(), query, parameters, identity, parts };
                (function.clone(), call)
            }
            Route::Welcome => return welcome(),
            Route::NotFound => {
                let reason = format!("no function answers to {} {}", parts.method, parts.uri.path());
                self.invoker.console.refused(404, &reason);
                return status(StatusCode::NOT_FOUND);
            }
            Route::Unauthorized => {
                let reason =
                    format!("{} needs a key, and the caller's is missing or wrong", parts.uri.path());
                self.invoker.console.refused(401, &reason);
                return status(StatusCode::UNAUTHORIZED);
            }
        };
        // A caller that goes away does not end its call.
        let invoker = Arc::clone(&self.invoker);
        let call = tokio::spawn(async move { invoker.invoke(&function, call, body).await });
        call.await.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// Whether a connection ended in [`Patient`]'s error.
fn has_stalled(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

fn welcome() -> Response<AnswerBody> {
    let mut answer = Answer::text(StatusCode::OK, Bytes::from_static(WELCOME.as_bytes()));
    answer.set_content_type(hyper::header::HeaderValue::from_static("text/html"));
    answer.into_response()
}
