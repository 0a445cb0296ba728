//! A call: what its caller sent, and where the route led it.

use std::borrow::Cow;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use uuid::Uuid;

use crate::app::route::Parameters;
use crate::invocation::identity::Claims;
use crate::invocation::url::Query;

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: Uuid,
    pub(crate) parts: Parts,
    pub(crate) query: Query,
    pub(crate) parameters: Parameters,
    pub(crate) claims: Claims,
}

impl Call {
    /// The URL that the caller used, or one with `host_name` for a caller that sent no `Host`.
    pub(crate) fn url(&self, host_name: &str) -> String {
        let host = text(&self.parts.headers, header::HOST);
        let host =
            host.or(self.parts.uri.authority().map(|authority| authority.as_str())).unwrap_or(host_name);
        let path = self.parts.uri.path_and_query().map_or("/", |path| path.as_str());
        format!("http://{host}{path}")
    }

    /// How many bytes of body the caller announced; 0 if it announced none.
    pub(crate) fn content_length(&self) -> u64 {
        text(&self.parts.headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn is_chunked(&self) -> bool {
        self.parts.headers.contains_key(header::TRANSFER_ENCODING)
    }

    /// Whether the body's type is one that the envelope has in base64.
    pub(crate) fn is_binary(&self) -> bool {
        let kind = text(&self.parts.headers, header::CONTENT_TYPE).unwrap_or_default().to_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind == "application/octet-stream" || kind.contains("multipart/")
    }

    /// Each header's name in Kestrel's spelling, with its values.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (String, Vec<Cow<'_, str>>)> {
        let headers = &self.parts.headers;
        let values = |name| {
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect()
        };
        headers.keys().map(move |name| (spelled(name.as_str()), values(name)))
    }
}

/// The value of header `name`, where it is text.
pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(HeaderValue::to_str)?.ok()
}

/// Header `name` as Kestrel spells it, if it knows it. Of others it keeps the caller's spelling, mostly this one too.
/// <https://learn.microsoft.com/dotnet/api/microsoft.net.http.headers.headernames>
fn spelled(name: &str) -> String {
    match name {
        "baggage" | "traceparent" | "tracestate" => name.to_owned(),
        "content-md5" => "Content-MD5".to_owned(),
        "te" => "TE".to_owned(),
        _ => {
            let mut starts = true;
            let spell = |c: char| {
                let upper = std::mem::replace(&mut starts, c == '-');
                if upper { c.to_ascii_uppercase() } else { c }
            };
            name.chars().map(spell).collect()
        }
    }
}

/// `bytes` as .NET's `StreamReader` decodes them: UTF-8 unless a byte-order mark says otherwise.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    encoding_rs::UTF_8.decode(bytes).0
}
