//! HTTPS as the provisioning service speaks it.
//!
//! - `PUT /{idScope}/registrations/{registrationId}/register` registers,
//! - `GET /{idScope}/registrations/{registrationId}/operations/{operationId}` asks how that stands,
//! - `POST /{idScope}/registrations/{registrationId}` looks a registration up,
//!
//! each with a SAS token in `Authorization`, and with any `api-version` or none.
//!
//! Source: <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration>

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use self::route::{Call, Route};
use super::listener::{Connection, Protocol, Stop};
use super::refusals::{Refusals, quoted};
use super::seats::Proof;
use super::{Answer, Service};

mod route;

/// The longest request head.
const HEAD_LIMIT: usize = 16 * 1024;

/// How long a connection may lie idle between two requests: devices poll on it every few seconds.
const IDLE: Duration = Duration::from_secs(120);

/// The HTTPS side of the service.
#[derive(Clone, Debug)]
pub(super) struct Https {
    service: Arc<Service>,
    refusals: Refusals,
    body_limit: usize,
    patience: Duration,
}

/// What an error's header repeats of its body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    error_code: u32,
}

// === impl Https ===

impl Https {
    /// `body_limit` is how many bytes a body may have, `patience` how long a device may take to send its first
    /// request, and each body.
    pub(super) fn new(
        service: Arc<Service>,
        refusals: Refusals,
        body_limit: usize,
        patience: Duration,
    ) -> Self {
        Self { service, refusals, body_limit, patience }
    }

    /// What `request` is answered.
    async fn respond(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        proof: &Proof,
    ) -> Response<Full<Bytes>> {
        let location = location(&request);
        match self.answer(request, peer, proof).await {
            Ok(answer) if answer.status == 202 => {
                let mut response = frame(&answer);
                if let Some(location) = location {
                    response.headers_mut().insert(header::LOCATION, location);
                }
                response
            }
            Ok(answer) => frame(&answer),
            Err(refused) => {
                self.refusals.say(format!("HTTPS {peer}: {}: {}", refused.answer.status, refused.why));
                let mut response = frame(&refused.answer);
                if let Some((name, value)) = refused.header {
                    response.headers_mut().insert(name, HeaderValue::from_static(value));
                }
                response
            }
        }
    }

    /// The service's answer, or a refusal by the rules of HTTP.
    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        proof: &Proof,
    ) -> Result<Answer, Box<Refused>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let Some(call) = Call::read(path) else {
            return Err(Refused::new(
                Answer::not_found("There is no such resource."),
                format!("{} {} is no path here", head.method, quoted(path)),
            ));
        };
        let wanted = call.route.method();
        if head.method != wanted {
            let why = format!("{} {}, and {wanted} is wanted", head.method, quoted(path));
            let header = Some((header::ALLOW, wanted));
            return Err(Box::new(Refused { answer: Answer::method_not_allowed(), header, why }));
        }
        let sas = head.headers.get(header::AUTHORIZATION).map(|sas| String::from_utf8_lossy(sas.as_bytes()));
        let device = match self.service.authenticate(&call.id_scope, &call.registration_id, sas.as_deref()) {
            Ok(device) => device,
            Err(answer) => return Ok(answer),
        };
        proof.give();
        if call.route != Route::Operation {
            check_media(&head.headers)?;
        }
        // Also that of a GET: the Node SDK sends `{}` with it.
        let body = self.body(body, peer).await?;
        Ok(match call.route {
            Route::Register => self.service.register(&device, &body),
            Route::Operation => self.service.operation_status(&device, &call.operation_id),
            Route::Lookup => self.service.lookup(&device, &body),
        })
    }

    /// The whole body, if it is short enough and comes soon enough.
    async fn body(&self, body: Incoming, peer: SocketAddr) -> Result<Bytes, Box<Refused>> {
        let limit = self.body_limit;
        let too_large =
            || Refused::closing(Answer::too_large(limit), format!("a body of more than {limit} bytes"));
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        match timeout(self.patience, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Refused::closing(
                Answer::bad_request("The body could not be read."),
                format!("a body that breaks off: {error} ({peer})"),
            )),
            Err(_) => Err(Refused::closing(
                Answer::error(408, 408_000, "The body did not come in time."),
                format!("no whole body within {} s", self.patience.as_secs_f32()),
            )),
        }
    }
}

impl Protocol for Https {
    const NAME: &'static str = "HTTPS";

    async fn serve(&self, connection: Connection, mut stop: Stop) {
        let (peer, proof) = (connection.peer, &connection.proof);
        let asked = Arc::new(AtomicBool::new(false));
        let service = service_fn(|request| {
            asked.store(true, Ordering::Relaxed);
            async move { Ok::<_, Infallible>(self.respond(request, peer, proof).await) }
        });
        let mut served = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE.max(self.patience))
                .max_buf_size(HEAD_LIMIT)
                .serve_connection(TokioIo::new(connection.stream), service)
        );
        let mut first = pin!(tokio::time::sleep_until(Instant::now() + self.patience));
        let (mut stopping, mut expecting) = (false, true);
        let end = loop {
            tokio::select! {
                end = served.as_mut() => break end,
                () = stop.requested(), if !stopping => {
                    stopping = true;
                    served.as_mut().graceful_shutdown();
                }
                () = first.as_mut(), if expecting => {
                    expecting = false;
                    if !asked.load(Ordering::Relaxed) {
                        let patience = self.patience.as_secs_f32();
                        self.refusals.say(format!("HTTPS {peer}: no request within {patience} s; connection closed"));
                        return;
                    }
                }
            }
        };
        if let Err(error) = end
            && !gone(&error)
        {
            let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
            self.refusals.say(format!("HTTPS {peer}: {error}{cause}; connection closed"));
        }
    }
}

/// A request that HTTP forbids, before the service is asked.
struct Refused {
    /// What the device is told.
    answer: Answer,
    /// A header that goes with the answer.
    header: Option<(HeaderName, &'static str)>,
    /// What the log is told.
    why: String,
}

// === impl Refused ===

impl Refused {
    fn new(answer: Answer, why: String) -> Box<Self> {
        Box::new(Self { answer, header: None, why })
    }

    /// One after which the connection is of no more use: the rest of the body would be taken for a request.
    fn closing(answer: Answer, why: String) -> Box<Self> {
        Box::new(Self { answer, header: Some((header::CONNECTION, "close")), why })
    }
}

/// JSON, or no word about what it is; and not compressed. The documentation's own example calls the encoding
/// `utf-8`, which is no content encoding and does no harm.
fn check_media(headers: &HeaderMap) -> Result<(), Box<Refused>> {
    let value = |name: HeaderName| {
        let value =
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
        value.unwrap_or_default()
    };
    let media = value(header::CONTENT_TYPE);
    let encoding = value(header::CONTENT_ENCODING);
    let refuse = |message: &str, what: &str| {
        Err(Refused::new(Answer::error(415, 415_000, message), format!("{message} This is {}", quoted(what))))
    };
    match media.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => {}
        other => return refuse("A body of type application/json is wanted.", other),
    }
    match encoding.trim() {
        "" | "utf-8" | "identity" => Ok(()),
        other => refuse("A body without content encoding is wanted.", other),
    }
}

/// `answer` in the frame of HTTP.
fn frame(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body.clone())));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Ok(id) = HeaderValue::from_str(&answer.request_id.to_string()) {
        headers.insert("x-ms-request-id", id);
    }
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if answer.status >= 400
        && let Ok(error) = serde_json::from_str::<ErrorBody>(&answer.body)
    {
        headers.insert("x-ms-error-code", HeaderValue::from(error.error_code));
    }
    response
}

/// The address of what a request is about: `https://{host}{path}`.
fn location(request: &Request<Incoming>) -> Option<HeaderValue> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    HeaderValue::from_str(&format!("https://{host}{}", request.uri().path())).ok()
}

/// Whether a device has just gone away, as those do that care little for TLS’s farewell.
fn gone(error: &hyper::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| {
        matches!(cause.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
    })
}
