//! The routes: which request runs the function, and how its answer and its log go back.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use futures_util::Stream;
use warp::http::header::{ALLOW, CONTENT_TYPE};
use warp::http::{HeaderValue, Method, Response, StatusCode};
use warp::hyper::body::Bytes;
use warp::path::Tail;
use warp::{Buf, Filter, Reply};

use crate::app::{App, Function, Target};
use crate::body::{self, Body, Limits, Unread};
use crate::decision::{self, UnderWay};
use crate::function::{self, Answer, Run};
use crate::invocation;
use crate::log_body::LogBody;
use crate::memory::MemoryBudget;
use crate::policies::{LookedUp, ServedPolicy};

/// What every request may use. Clones are the same handler.
#[derive(Clone)]
pub struct Handler(Arc<Shared>);

struct Shared {
    app: App,
    policy: ServedPolicy,
    limits: Limits,
    log_body: LogBody,
    memory: MemoryBudget,
    under_way: UnderWay,
}

type Answered = Response<Bytes>;

/// All routes. Every request gets an answer.
///
/// | request | answer |
/// |---|---|
/// | `GET /` | 200; the host asks so whether the handler is ready, often, so nothing is logged |
/// | `POST /<function>` | 200 and the host's JSON, see [`invocation`] |
/// | `POST /<prefix>/<route>` | the function's own status and body: forwarded or proxied by the host, or from `curl` |
/// | another method at one of these | 405 |
/// | anything else | 404 |
pub fn routes(
    handler: Handler,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible, Future: Send> + Clone + Send + Sync + 'static {
    let invocation_id = warp::header::value("x-azure-functions-invocationid").map(Some);
    let nothing = warp::any().map(|| text(StatusCode::BAD_REQUEST, "Expected an HTTP request.".to_owned()));
    warp::method()
        .and(path())
        .and(invocation_id.or(warp::any().map(|| None)).unify())
        .and(warp::body::stream())
        .and(warp::any().map(move || handler.clone()))
        .then(|method, path: Option<Tail>, id: Option<HeaderValue>, body, handler: Handler| async move {
            let path = path.as_ref().map_or("", Tail::as_str);
            handler.answer(&method, path, id.as_ref().and_then(invocation_id_of), body).await
        })
        .or(nothing)
        .unify()
}

/// The path without its slash in front; `None` for the root, and for a request that names a host instead of a path
/// (as `CONNECT` does), at which [`warp::path::tail`] would panic.
fn path()
-> impl Filter<Extract = (Option<Tail>,), Error = Infallible, Future: Send> + Clone + Send + Sync + 'static {
    warp::path::end().map(|| None).or(warp::path::tail().map(Some)).unify()
}

/// The invocation's id, when the host sent one and it looks like one.
fn invocation_id_of(header: &HeaderValue) -> Option<&str> {
    let id = header.to_str().ok()?;
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
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("Expected {allowed} here."));
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
    /// A handler of the functions of `app` that asks `policy` about requests within `limits`, and shows of them what
    /// `log_body` says.
    #[must_use]
    pub fn new(app: App, policy: ServedPolicy, limits: Limits, log_body: LogBody) -> Self {
        let (memory, under_way) = (MemoryBudget::default(), UnderWay::default());
        Self(Arc::new(Shared { app, policy, limits, log_body, memory, under_way }))
    }

    async fn answer<B: Buf>(
        &self,
        method: &Method,
        path: &str,
        id: Option<&str>,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Answered {
        let app = &self.0.app;
        match (method, path, app.target(path)) {
            (&Method::GET | &Method::HEAD, "", _) => text(StatusCode::OK, format!("Ready: {}.", app.names())),
            (&Method::POST, _, Some(target)) => self.run(target, id, body).await,
            (_, "", _) => self.not_taken(method, path, not_allowed("GET, HEAD")),
            (_, _, Some(_)) => self.not_taken(method, path, not_allowed("POST")),
            (_, _, None) => {
                let expected =
                    format!("There is nothing here. Expected an allocation request: {}.", app.routes());
                self.not_taken(method, path, text(StatusCode::NOT_FOUND, expected))
            }
        }
    }

    /// Says that no function takes a request: the host shows its caller a bare 500 in place of the answer.
    fn not_taken(&self, method: &Method, path: &str, answer: Answered) -> Answered {
        let path: String = path.chars().take(200).collect();
        log::warn!("No function takes {method} /{path}. This app has {}.", self.0.app.routes());
        answer
    }

    async fn run<B: Buf>(
        &self,
        target: Target<'_>,
        id: Option<&str>,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Answered {
        let Shared { limits, memory, .. } = &*self.0;
        let most = if matches!(target, Target::Raw) { *limits } else { limits.of_invocation() };
        let body = body::read(body, most, memory).await.map_err(|unread| match unread {
            Unread::TooLarge(_) => Unread::TooLarge(limits.bytes),
            unread => unread,
        });
        match self.invoked(target, id, body.as_ref().ok()) {
            Some(function) => self.run_in_envelope(function.clone(), id, body).await,
            None => self.run_raw(id, body).await,
        }
    }

    /// The function that the host invokes with this body, unless the request is the caller's as it is.
    fn invoked<'a>(
        &self,
        target: Target<'a>,
        id: Option<&str>,
        body: Option<&Body>,
    ) -> Option<&'a Arc<Function>> {
        let (function, forwards) = match target {
            Target::Envelope(function) => return Some(function),
            Target::Raw => return None,
            Target::Either(function) => (function, self.0.app.forwards),
        };
        let envelope = match body {
            Some(body) => invocation::is_envelope(&body.text(), &function.trigger) || forwards == Some(false),
            // Who sent it decides, then: by hand, there is no invocation.
            None => forwards != Some(true) && id.is_some(),
        };
        envelope.then_some(function)
    }

    /// Runs the function for the host. Always 200 and JSON: of any other reply the host drops the log, and
    /// the caller gets a bare 500.
    async fn run_in_envelope(
        &self,
        function: Arc<Function>,
        id: Option<&str>,
        envelope: Result<Body, Unread>,
    ) -> Answered {
        let unread = |unread: Unread| invocation::write(&function::unread(&unread), None, &function.output);
        let reply = match envelope {
            Ok(envelope) => {
                let looked_up = self.look_up_for_envelope(&function, &envelope).await;
                let (handler, function) = (self.clone(), function.clone());
                let run = move || handler.reply(&function, &envelope.text(), looked_up);
                self.decide(id, run).await.unwrap_or_else(unread)
            }
            Err(reason) => unread(reason),
        };
        let reply = self.0.memory.hold(reply).unwrap_or_else(|exhausted| unread(exhausted.into()).into());
        let mut response = Response::new(reply);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// Asks the policy's look-ups, if it has any, about the device of an envelope.
    async fn look_up_for_envelope(&self, function: &Function, envelope: &Body) -> LookedUp {
        if !self.0.policy.has_lookups() {
            return LookedUp::default();
        }
        let envelope = envelope.text();
        match invocation::read(&envelope, &function.trigger, self.0.limits.bytes) {
            Ok(body) => {
                let inputs = invocation::inputs(&envelope, &function.trigger);
                self.0.policy.look_up(&body.text, Some(&inputs)).await
            }
            Err(_) => LookedUp::default(),
        }
    }

    /// Runs the function for an envelope, and writes the reply.
    fn reply(&self, function: &Function, envelope: &str, looked_up: LookedUp) -> Vec<u8> {
        match invocation::read(envelope, &function.trigger, self.0.limits.bytes) {
            Ok(body) => {
                let run = function::run(&body.text, &self.0.policy, looked_up, self.0.log_body);
                invocation::write(&run, Some(&body), &function.output)
            }
            Err(unread) => invocation::write(&function::unread(&unread), None, &function.output),
        }
    }

    /// Runs the function for its caller. There is no channel for its log but the process's own.
    async fn run_raw(&self, id: Option<&str>, body: Result<Body, Unread>) -> Answered {
        let limit = self.0.limits.bytes;
        let body =
            body.and_then(|body| if body.len() > limit { Err(Unread::TooLarge(limit)) } else { Ok(body) });
        let run = match body {
            Ok(body) => {
                let looked_up = match self.0.policy.has_lookups() {
                    true => self.0.policy.look_up(&body.text(), None).await,
                    false => LookedUp::default(),
                };
                let handler = self.clone();
                let run = move || {
                    let run = function::run(&body.text(), &handler.0.policy, looked_up, handler.0.log_body);
                    (run, body)
                };
                self.decide(id, run).await.map(|(run, body)| {
                    log_run(&run, Some(&body.text()), id);
                    run
                })
            }
            Err(unread) => Err(unread),
        };
        let run = run.unwrap_or_else(|unread| {
            let run = function::unread(&unread);
            log_run(&run, None, id);
            run
        });
        let Answer { status, content_type, body } = run.answer;
        let body = match self.0.memory.hold(body.into_bytes()) {
            Ok(body) => body,
            Err(exhausted) => {
                let unread = Unread::from(exhausted);
                log::warn!("The answer was not sent: {unread}");
                return text(StatusCode::SERVICE_UNAVAILABLE, unread.to_string());
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// Runs `run`, in which the policy decides, where that keeps nobody else waiting.
    async fn decide<T: Send + 'static>(
        &self,
        id: Option<&str>,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unread> {
        if self.0.policy.is_computation() {
            Ok(decision::at_once(id, run))
        } else {
            decision::off_workers(&self.0.under_way, id, run).await
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("app", &self.0.app)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}
