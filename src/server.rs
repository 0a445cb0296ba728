//! The routes: which request runs the function, and how its answer and its log go back.

use std::convert::Infallible;

use futures_util::Stream;
use warp::http::header::{ALLOW, CONTENT_TYPE};
use warp::http::{HeaderMap, HeaderValue, Response, StatusCode};
use warp::hyper::body::Bytes;
use warp::{Buf, Filter, Rejection, Reply};

use crate::allocation::Policy;
use crate::body::{self, Body, Limits, Room, Unread};
use crate::function::{self, Answer, Run};
use crate::invocation;

/// The function's path in the default mode of the Functions host: the name of its folder.
pub const ENVELOPE_PATH: &str = "/HttpTrigger1";

/// The function's path for its callers, which the host keeps when it forwards or proxies requests.
pub const RAW_PATH: &str = "/api/HttpTrigger1";

/// What the routes share.
#[derive(Clone, Debug)]
pub struct Handler {
    policy: Policy,
    limits: Limits,
    room: Room,
}

type Answered = Response<Bytes>;

/// All routes. Every request gets an answer.
pub fn routes(
    handler: Handler,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible, Future: Send> + Clone + Send + Sync + 'static {
    let handler = warp::any().map(move || handler.clone());
    envelope(handler.clone()).or(readiness()).unify().or(raw(handler)).unify().or(anything_else()).unify()
}

/// `POST /HttpTrigger1`, from the Functions host.
fn envelope(
    handler: impl Filter<Extract = (Handler,), Error = Infallible> + Clone + Send + Sync + 'static,
) -> impl Filter<Extract = (Answered,), Error = Rejection, Future: Send> + Clone + Send + Sync + 'static {
    envelope_path().and(warp::post()).and(warp::body::stream()).and(handler).then(run_in_envelope)
}

/// `POST /api/HttpTrigger1`, in any casing: forwarded or proxied by the host, or from `curl`.
fn raw(
    handler: impl Filter<Extract = (Handler,), Error = Infallible> + Clone + Send + Sync + 'static,
) -> impl Filter<Extract = (Answered,), Error = Rejection, Future: Send> + Clone + Send + Sync + 'static {
    raw_path()
        .and(warp::post())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .and(handler)
        .then(run_raw)
}

/// `GET /`, by which the host learns that the handler is ready. It asks often, so nothing is logged.
fn readiness()
-> impl Filter<Extract = (Answered,), Error = Rejection, Future: Send> + Clone + Send + Sync + 'static {
    warp::path::end()
        .and(warp::get().or(warp::head()).unify())
        .map(|| text(StatusCode::OK, "HttpTrigger1 is ready.".to_owned()))
}

/// Every other request: 405 at a path that is served, otherwise 404.
fn anything_else()
-> impl Filter<Extract = (Answered,), Error = Infallible, Future: Send> + Clone + Send + Sync + 'static {
    let root = warp::path::end().map(|| not_allowed("GET, HEAD"));
    let function = envelope_path().or(raw_path()).unify().map(|| not_allowed("POST"));
    let elsewhere = warp::any().map(|| {
        let wanted = format!("There is nothing here. Allocation requests are wanted at POST {RAW_PATH}.");
        text(StatusCode::NOT_FOUND, wanted)
    });
    root.or(function).unify().or(elsewhere).unify()
}

/// [`ENVELOPE_PATH`].
fn envelope_path()
-> impl Filter<Extract = (), Error = Rejection, Future: Send> + Clone + Send + Sync + 'static {
    warp::path("HttpTrigger1").and(warp::path::end())
}

/// [`RAW_PATH`] in any casing, as the host's own routes match it.
fn raw_path() -> impl Filter<Extract = (), Error = Rejection, Future: Send> + Clone + Send + Sync + 'static {
    // By segments, because `warp::path::full` panics at a request that names a host instead of a path.
    warp::path::param()
        .and(warp::path::param())
        .and(warp::path::end())
        .and_then(|prefix: String, name: String| {
            let found = format!("/{prefix}/{name}").eq_ignore_ascii_case(RAW_PATH);
            std::future::ready(if found { Ok(()) } else { Err(warp::reject::not_found()) })
        })
        .untuple_one()
}

/// Runs the function for the host. Always 200 and JSON: of any other reply the host drops the log, and
/// the caller gets a bare 500.
async fn run_in_envelope(
    stream: impl Stream<Item = Result<impl Buf, warp::Error>>,
    handler: Handler,
) -> Answered {
    let reply = match handler.read_invocation(stream).await {
        Ok(invocation) => handler.run(&invocation.text()),
        Err(unread) => invocation::reply(&function::unread(&unread), None),
    };
    let reply = handler
        .room
        .keep(reply)
        .unwrap_or_else(|no_room| invocation::reply(&function::unread(&no_room), None).into());
    let mut response = Response::new(reply);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Runs the function for its caller. There is no channel for its log but the process's own.
async fn run_raw(
    headers: HeaderMap,
    stream: impl Stream<Item = Result<impl Buf, warp::Error>>,
    handler: Handler,
) -> Answered {
    let body = body::read(stream, handler.limits, &handler.room).await;
    let body = body.as_ref().map(Body::text);
    let run = match &body {
        Ok(body) => function::http_trigger1(body, handler.policy),
        Err(unread) => function::unread(unread),
    };
    log_run(&run, body.as_deref().ok(), invocation_id(&headers));
    let Answer { status, content_type, body } = run.answer;
    let body = match handler.room.keep(body.into_bytes()) {
        Ok(body) => body,
        Err(no_room) => {
            log::warn!("The answer was not sent: {no_room}");
            return text(StatusCode::SERVICE_UNAVAILABLE, no_room.to_string());
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The invocation's id, when the host sent one and it looks like one.
fn invocation_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("x-azure-functions-invocationid")?.to_str().ok()?;
    let looks = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    looks.then_some(id)
}

/// Logs what the function logged, a record a line, as `func` shows it.
fn log_run(run: &Run, body: Option<&str>, id: Option<&str>) {
    for line in run.log(body).flat_map(|entry| entry.split('\n')) {
        match id {
            Some(id) => log::info!("[{id}] {line}"),
            None => log::info!("{line}"),
        }
    }
}

fn not_allowed(allowed: &'static str) -> Answered {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("{allowed} is wanted here."));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn text(status: StatusCode, body: String) -> Answered {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

// === impl Handler ===

impl Handler {
    /// A handler that asks `policy` about requests within `limits`.
    #[must_use]
    pub fn new(policy: Policy, limits: Limits) -> Self {
        Self { policy, limits, room: Room::default() }
    }

    /// Reads an invocation.
    async fn read_invocation(
        &self,
        stream: impl Stream<Item = Result<impl Buf, warp::Error>>,
    ) -> Result<Body, Unread> {
        // The host writes the body as a JSON text, up to six bytes for one, and repeats its members in
        // `Metadata`; then there are the caller's headers and identities.
        let limits =
            Limits { bytes: self.limits.bytes.saturating_mul(12).saturating_add(256 * 1024), ..self.limits };
        body::read(stream, limits, &self.room).await.map_err(|unread| match unread {
            Unread::TooLarge(_) => Unread::TooLarge(self.limits.bytes),
            unread => unread,
        })
    }

    /// Runs the function for an invocation, and writes the reply.
    fn run(&self, invocation: &str) -> Vec<u8> {
        match invocation::caller_body(invocation, self.limits.bytes) {
            Ok(body) => invocation::reply(&function::http_trigger1(&body, self.policy), Some(&body)),
            Err(unread) => invocation::reply(&function::unread(&unread), None),
        }
    }
}
