//! The service's answers in the frame of HTTP.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;

use crate::dps::Answer;

/// What an error's header repeats of its body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    error_code: u32,
}

/// `answer` in the frame of HTTP.
pub(super) fn frame(answer: &Answer) -> Response<Full<Bytes>> {
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
pub(super) fn location(request: &Request<Incoming>) -> Option<HeaderValue> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    HeaderValue::from_str(&format!("https://{host}{}", request.uri().path())).ok()
}
