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
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until, timeout};

use self::frame::{frame, location};
use self::refused::{Refused, check_media};
use self::route::{Call, Route};
use crate::device_api::listener::{Connection, Protocol, Stop};
use crate::device_api::seats::Proof;
use crate::device_api::tls::gone;
use crate::quoted::quoted;
use crate::{Answer, Service};
use journal::Journal;

mod frame;
mod refused;
mod route;

/// The longest request head.
const HEAD_LIMIT: usize = 16 * 1024;

/// How long a connection may go without a request after its last one, in times of the timeout for the first
/// (two minutes by default): devices poll every few seconds.
const IDLE: u32 = 12;

/// How long the rest of a body is read and discarded once its request is answered.
const FAREWELL: Duration = Duration::from_secs(3);

/// The HTTPS side of the service.
#[derive(Clone, Debug)]
pub(crate) struct Https {
    service: Arc<Service>,
    journal: Journal,
    body_limit: usize,
    timeout: Duration,
}

// === impl Https ===

impl Https {
    /// `body_limit` is how many bytes a body may have, `timeout` how long a device may take to send its first
    /// request, and each body.
    pub(crate) fn new(service: Arc<Service>, journal: Journal, body_limit: usize, timeout: Duration) -> Self {
        Self { service, journal, body_limit, timeout }
    }

    /// What `request` is answered.
    async fn respond(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        proof: &Proof,
    ) -> Response<Full<Bytes>> {
        let location = location(&request);
        match self.answer(request, proof).await {
            Ok(answer) if answer.status == 202 => {
                let mut response = frame(&answer);
                if let Some(location) = location {
                    response.headers_mut().insert(header::LOCATION, location);
                }
                response
            }
            Ok(answer) => frame(&answer),
            Err(refused) => {
                self.journal.warn(format!("HTTPS {peer}: {}: {}", refused.answer.status, refused.why));
                let mut response = frame(&refused.answer);
                if let Some((name, value)) = refused.header {
                    response.headers_mut().insert(name, HeaderValue::from_static(value));
                }
                response
            }
        }
    }

    /// The service's answer, or a refusal by the rules of HTTP.
    async fn answer(&self, request: Request<Incoming>, proof: &Proof) -> Result<Answer, Box<Refused>> {
        let (head, mut body) = request.into_parts();
        let answer = self.answer_to(&head, &mut body, proof).await;
        // A client that asked whether to send its body will not send it.
        if !body.is_end_stream() && !head.headers.contains_key(header::EXPECT) {
            forget(body);
        }
        answer
    }

    async fn answer_to(
        &self,
        head: &Parts,
        body: &mut Incoming,
        proof: &Proof,
    ) -> Result<Answer, Box<Refused>> {
        let asked = quoted(&format!("{} {}", head.method, head.uri.path()));
        let Some(call) = Call::read(head.uri.path()) else {
            return Err(Refused::new(
                Answer::not_found("The resource does not exist."),
                format!("unknown path: {asked}"),
            ));
        };
        let expected = call.route.method();
        if head.method != expected {
            let why = format!("expected {expected}, found {asked}");
            let header = Some((header::ALLOW, expected));
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
        let body = self.body(body).await?;
        Ok(match call.route {
            Route::Register => self.service.register(&device, &body),
            Route::Operation => self.service.operation_status(&device, &call.operation_id),
            Route::Lookup => self.service.lookup(&device, &body),
        })
    }

    /// The whole body, if it is short enough and comes soon enough.
    async fn body(&self, body: &mut Incoming) -> Result<Bytes, Box<Refused>> {
        let limit = self.body_limit;
        let too_large =
            || Refused::closing(Answer::too_large(limit), format!("a body of more than {limit} bytes"));
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        match timeout(self.timeout, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Refused::closing(
                Answer::bad_request("The body could not be read."),
                format!("the body ended early: {error}"),
            )),
            Err(_) => Err(Refused::closing(
                Answer::error(408, 408_000, "The body did not come in time."),
                format!("the body is incomplete after {} s", self.timeout.as_secs_f32()),
            )),
        }
    }
}

impl Protocol for Https {
    const NAME: &'static str = "HTTPS";

    async fn serve(&self, connection: Connection, mut stop: Stop) {
        let (peer, proof) = (connection.peer, &connection.proof);
        let asked = Mutex::new(None);
        let service = service_fn(|request| {
            *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            async move { Ok::<_, Infallible>(self.respond(request, peer, proof).await) }
        });
        let mut served = pin!(
            http1::Builder::new()
                // One deadline from request to request covers devices that send slowly and those that do not read
                // their answers.
                .header_read_timeout(None)
                .max_buf_size(HEAD_LIMIT)
                .serve_connection(TokioIo::new(connection.stream), service)
        );
        let mut stopping = false;
        let mut deadline = Instant::now() + self.timeout;
        let end = loop {
            tokio::select! {
                end = served.as_mut() => break end,
                () = stop.requested(), if !stopping => {
                    stopping = true;
                    served.as_mut().graceful_shutdown();
                }
                () = sleep_until(deadline) => {
                    let asked = *asked.lock().unwrap_or_else(PoisonError::into_inner);
                    let limit = if asked.is_some() { self.timeout * IDLE } else { self.timeout };
                    let due = asked.map_or(deadline, |asked| asked + limit);
                    if due <= Instant::now() {
                        let seconds = limit.as_secs_f32();
                        self.journal.warn(format!("HTTPS {peer}: no request within {seconds} s; connection closed"));
                        return;
                    }
                    deadline = due;
                }
            }
        };
        if let Err(error) = end {
            let cause = error.source();
            if cause.and_then(|cause| cause.downcast_ref()).is_some_and(gone) {
                return;
            }
            let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
            self.journal.warn(format!("HTTPS {peer}: {error}{cause}; connection closed"));
        }
    }
}

/// Takes what is left of `body` off the connection while the answer goes out: a connection that is closed with
/// something unread is reset, a reset may overtake the answer, and many clients read it only once all is sent.
fn forget(mut body: Incoming) {
    tokio::spawn(timeout(FAREWELL, async move { while let Some(Ok(_)) = body.frame().await {} }));
}
