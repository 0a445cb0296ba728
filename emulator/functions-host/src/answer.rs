//! The host's answer to a caller.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::client::Outgoing;
use super::options::Framing;

/// An answer that is whole before it is sent.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The body of an answer, whole or streamed.
pub(super) type AnswerBody = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

impl Answer {
    /// An answer without body and content type.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// An answer with `text/plain`, until its content type is set.
    pub(super) fn text(status: StatusCode, body: Bytes) -> Self {
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        Self { status, headers: HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]), body }
    }

    /// Sets the content type, with `charset=utf-8` if it names no charset. An invalid media type is ignored.
    pub(super) fn set_content_type(&mut self, value: HeaderValue) {
        let Ok(kind) = value.to_str() else { return };
        let media = kind.split(';').next().unwrap_or_default().trim();
        let is_media = media.split_once('/').is_some_and(|(left, right)| {
            !left.is_empty()
                && !right.is_empty()
                && !right.contains('/')
                && !media.contains(char::is_whitespace)
        });
        if !is_media {
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
    pub(super) fn into_response(self) -> Response<AnswerBody> {
        let chunked = !self.body.is_empty() && !self.headers.contains_key(header::CONTENT_LENGTH);
        let no_body = matches!(self.status.as_u16(), 204 | 205 | 304);
        let body = match (no_body, chunked) {
            (true, _) => Full::default().map_err(infallible).boxed(),
            (false, true) => Outgoing::new(self.body, Framing::Chunked).map_err(infallible).boxed(),
            (false, false) => Full::new(self.body).map_err(infallible).boxed(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(header::SERVER, HeaderValue::from_static("Kestrel"));
        if no_body {
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        response
    }
}

fn infallible(never: Infallible) -> Box<dyn std::error::Error + Send + Sync> {
    match never {}
}
