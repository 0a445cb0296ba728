//! The host's answer to a caller.

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use mime::Mime;

use crate::options::Framing;
use crate::worker::client::{Answer, Body, framed};

impl Answer {
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// An answer with `text/plain`, until its content type is set.
    pub(crate) fn text(status: StatusCode, body: Bytes) -> Self {
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        Self { status, headers: HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]), body }
    }

    /// Sets the content type, with `charset=utf-8` if it names no charset. An invalid media type is ignored.
    pub(crate) fn set_content_type(&mut self, value: HeaderValue) {
        let Some(kind) = media_type(&value) else { return };
        let value = match kind.get_param(mime::CHARSET) {
            Some(_) => value,
            None => {
                let text = value.to_str().unwrap_or_default();
                HeaderValue::from_str(&format!("{text}; charset=utf-8")).unwrap_or(value)
            }
        };
        self.headers.insert(header::CONTENT_TYPE, value);
    }

    /// The answer on the wire: chunked if there is a body of no declared length, as Kestrel sends it.
    pub(crate) fn into_response(mut self) -> Response<Body> {
        if matches!(self.status.as_u16(), 204 | 205 | 304) {
            self.body = Bytes::new();
            self.headers.remove(header::CONTENT_LENGTH);
        }
        let sized = self.body.is_empty() || self.headers.contains_key(header::CONTENT_LENGTH);
        let framing = if sized { Framing::ContentLength } else { Framing::Chunked };
        let mut response = Response::new(framed(self.body, framing));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(header::SERVER, HeaderValue::from_static("Kestrel"));
        response
    }
}

pub(crate) fn media_type(value: &HeaderValue) -> Option<Mime> {
    value.to_str().ok()?.parse().ok()
}
