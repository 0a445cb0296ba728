//! HTTPS as the provisioning service speaks it.
//!
//! - `PUT /{idScope}/registrations/{registrationId}/register` registers,
//! - `GET /{idScope}/registrations/{registrationId}/operations/{operationId}` asks how that stands,
//! - `POST /{idScope}/registrations/{registrationId}` looks a registration up,
//!
//! each with a SAS token in `Authorization`, and with an `api-version`. `request` reads all but the body.
//!
//! Source: <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration>

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderName};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;

use self::request::{Call, Refusal, check_media, check_upgrade, check_version};
use crate::answer::Answer;
use crate::device_api::DeviceApi;
use crate::device_api::tls::{Stream, disconnected};
use crate::quoted::quoted;

mod request;

/// The longest request head.
const HEAD_LIMIT: usize = 16 * 1024;

/// How long a connection may go without a request, in times of the timeout for the first byte (two minutes by
/// default): devices poll every few seconds.
const IDLE: u32 = 12;

/// How long the rest of a body is read and discarded once its request is answered.
const DISCARD: Duration = Duration::from_secs(3);

/// Serves one connection to its end.
pub(crate) async fn serve(api: &DeviceApi, stream: Stream, peer: SocketAddr) {
    let service = service_fn(|request| respond(api, request, peer));
    let idle = api.timeout * IDLE;
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    let Err(error) = served else { return };
    if error.source().and_then(|cause| cause.downcast_ref()).is_some_and(disconnected) {
        return;
    }
    let why = match error.is_timeout() {
        true => format!("no request within {} s", idle.as_secs_f32()),
        false => journal::causes(&error),
    };
    api.journal.warn(format!("HTTPS {peer}: {why}; connection closed"));
}

async fn respond(
    api: &DeviceApi,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let (head, mut body) = request.into_parts();
    let call = Call::read(head.uri.path());
    let allow = call.as_ref().map(|call| call.method);
    let device =
        call.as_ref().map_or_else(String::new, |call| format!(" ({})", quoted(&call.registration_id)));
    let answer = answer(api, call, &head, &mut body).await.unwrap_or_else(|(answer, why)| {
        api.journal.warn(format!("HTTPS {peer}{device}: {}: {why}", answer.status));
        answer
    });
    // What is left of the body is taken off the connection while the answer goes out: a connection that is closed
    // with something unread is reset, a reset may overtake the answer, and many clients read it only once all is
    // sent. A client that asked whether to send its body will not send it.
    if !body.is_end_stream() && !head.headers.contains_key(header::EXPECT) {
        tokio::spawn(timeout(DISCARD, async move { while let Some(Ok(_)) = body.frame().await {} }));
    }

    let Answer { status, retry_after, error_code, request_id, body } = answer;
    let host = head.headers.get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
    let location = host.map(|host| format!("https://{host}{}", head.uri.path()));
    let headers = [
        (header::RETRY_AFTER, retry_after.map(|seconds| seconds.to_string())),
        (HeaderName::from_static("x-ms-error-code"), error_code.map(|code| code.to_string())),
        (header::LOCATION, location.filter(|_| status == 202)),
        (header::ALLOW, allow.filter(|_| status == 405).map(str::to_owned)),
        // What is left of the body would be taken for a request.
        (header::CONNECTION, [408, 413].contains(&status).then(|| "close".to_owned())),
    ];
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header("x-ms-request-id", request_id.to_string());
    let present = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let response = present.fold(response, |response, (name, value)| response.header(name, value));
    response.body(Full::from(body))
}

/// The service's answer, or a refusal by the rules of HTTP.
async fn answer(
    api: &DeviceApi,
    call: Option<Call>,
    head: &Parts,
    body: &mut Incoming,
) -> Result<Answer, Refusal> {
    check_upgrade(&head.headers, api.mqtt_port)?;
    let asked = quoted(&format!("{} {}", head.method, head.uri.path()));
    let Some(Call { id_scope, registration_id, operation_id, method }) = call else {
        let answer = Answer::not_found("The resource does not exist.");
        return Err((answer, format!("unknown path: {asked}")));
    };
    if head.method != method {
        return Err((Answer::method_not_allowed(), format!("expected {method}, found {asked}")));
    }
    check_version(head.uri.query().unwrap_or_default())?;
    let sas = head.headers.get(header::AUTHORIZATION).map(|sas| String::from_utf8_lossy(sas.as_bytes()));
    let device = match api.service.authenticate(&id_scope, &registration_id, sas.as_deref()) {
        Ok(device) => device,
        Err(answer) => return Ok(answer),
    };
    if method != "GET" {
        check_media(&head.headers)?;
    }
    // Also that of a GET: the Node SDK sends `{}` with it.
    let body = read_body(api, body).await?;
    Ok(match method {
        "PUT" => api.service.register(&device, &body),
        "GET" => api.service.operation_status(&device, &operation_id),
        _ => api.service.lookup(&device, &body),
    })
}

/// The whole body, if it is short enough and comes soon enough.
async fn read_body(api: &DeviceApi, body: &mut Incoming) -> Result<Bytes, Refusal> {
    let limit = api.body_limit;
    let too_large = || (Answer::too_large(limit), format!("a body of more than {limit} bytes"));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    match timeout(api.timeout, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err((
            Answer::bad_request("The body could not be read."),
            format!("the body ended early: {error}"),
        )),
        Err(_) => Err((
            Answer::error(408, 408_000, "The body did not come in time."),
            format!("the body is incomplete after {} s", api.timeout.as_secs_f32()),
        )),
    }
}
