//! The host's answer to a caller.

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use crate::options::Framing;
use crate::worker::client::{Body, framed};

/// An answer that is whole before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// An answer without body and content type.
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
        let Ok(kind) = value.to_str() else { return };
        if !is_media_type(&value) {
            return;
        }
        let has_charset = kind.split(';').skip(1).any(|parameter| {
            parameter.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("charset"))
        });
        let value = match has_charset {
            true => value,
            false => HeaderValue::from_str(&format!("{kind}; charset=utf-8")).unwrap_or(value),
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

/// Whether `value` is a media type such as `text/plain; charset=utf-8`.
pub(crate) fn is_media_type(value: &HeaderValue) -> bool {
    let media = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    media.split_once('/').is_some_and(|(left, right)| {
        !left.is_empty() && !right.is_empty() && !right.contains('/') && !media.contains(char::is_whitespace)
    })
}
