//! The service's answers as HTTP responses.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use crate::answer::Answer;

/// `answer` to the request with `head`.
pub(crate) fn response(answer: Answer, head: &Parts) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
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
    if let Some(location) = location(head).filter(|_| answer.status == 202) {
        headers.insert(header::LOCATION, location);
    }
    // What is left of the body would be taken for a request.
    if [408, 413].contains(&answer.status) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The address of what a request is about: `https://{host}{path}`.
fn location(head: &Parts) -> Option<HeaderValue> {
    let host = head.headers.get(header::HOST)?.to_str().ok()?;
    HeaderValue::from_str(&format!("https://{host}{}", head.uri.path())).ok()
}
