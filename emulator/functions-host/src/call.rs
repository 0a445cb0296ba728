//! A call: what its caller sent, and where the route led it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use uuid::Uuid;

use super::identity::Identity;
use super::query::Query;
use super::template::Parameters;

/// One call of a function.
#[derive(Debug)]
pub(super) struct Call {
    /// The invocation id, fresh for each call.
    pub id: Uuid,
    /// What the caller asked for.
    pub parts: Parts,
    pub query: Query,
    pub parameters: Parameters,
    pub identity: Identity,
}

impl Call {
    /// The URL that the caller used, or one with `address` for a caller that sent no `Host`.
    pub(super) fn url(&self, address: &str) -> String {
        let host = self.parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or(self.parts.uri.authority().map(|authority| authority.as_str())).unwrap_or(address);
        let path = self.parts.uri.path_and_query().map_or("/", |path| path.as_str());
        format!("http://{host}{path}")
    }

    /// How many bytes of body the caller announced; 0 if it announced none.
    pub(super) fn content_length(&self) -> u64 {
        text(&self.parts.headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(0)
    }

    /// Whether the caller sent its body in chunks.
    pub(super) fn is_chunked(&self) -> bool {
        self.parts.headers.contains_key(header::TRANSFER_ENCODING)
    }

    /// The body as the envelope tells it: base64 if its type is binary, else text.
    pub(super) fn body<'a>(&self, body: &'a Bytes) -> Option<Cow<'a, str>> {
        if body.is_empty() {
            return None;
        }
        let kind = text(&self.parts.headers, header::CONTENT_TYPE).unwrap_or_default().to_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        Some(match kind == "application/octet-stream" || kind.contains("multipart/") {
            true => STANDARD.encode(body).into(),
            false => decode(body),
        })
    }
}

/// The value of header `name`, where it is text.
pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(HeaderValue::to_str)?.ok()
}

/// `bytes` as .NET's `StreamReader` decodes them: UTF-8 unless a byte-order mark says otherwise.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            bytes.chunks(2).map(|pair| unit([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}
