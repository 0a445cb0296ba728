//! The service's answers in the frame of HTTP.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};

use crate::Answer;

/// `answer` in the frame of HTTP.
pub(crate) fn frame(answer: &Answer) -> Response<Full<Bytes>> {
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
    if let Some(code) = answer.error_code {
        headers.insert("x-ms-error-code", HeaderValue::from(code));
    }
    response
}

/// The address of what a request is about: `https://{host}{path}`.
pub(crate) fn location(request: &Request<Incoming>) -> Option<HeaderValue> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    HeaderValue::from_str(&format!("https://{host}{}", request.uri().path())).ok()
}
