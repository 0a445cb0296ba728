//! Requests that the rules of HTTP refuse, before the service is asked.

use hyper::header::{self, HeaderMap, HeaderName};

use crate::Answer;
use crate::quoted::quoted;

/// A request that is refused before the service is asked.
pub(crate) struct Refused {
    /// What the device is told.
    pub(crate) answer: Answer,
    /// A header that goes with the answer.
    pub(crate) header: Option<(HeaderName, &'static str)>,
    /// What the log is told.
    pub(crate) why: String,
}

// === impl Refused ===

impl Refused {
    pub(crate) fn new(answer: Answer, why: String) -> Box<Self> {
        Box::new(Self { answer, header: None, why })
    }

    /// One after which the connection is of no more use: the rest of the body would be taken for a request.
    pub(crate) fn closing(answer: Answer, why: String) -> Box<Self> {
        Box::new(Self { answer, header: Some((header::CONNECTION, "close")), why })
    }
}

/// JSON, or no content type; and not compressed. The documentation's own example calls the encoding
/// `utf-8`, which is not a content encoding, and is accepted.
pub(crate) fn check_media(headers: &HeaderMap) -> Result<(), Box<Refused>> {
    let value = |name: HeaderName| {
        let value =
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
        value.unwrap_or_default()
    };
    let media = value(header::CONTENT_TYPE);
    let encoding = value(header::CONTENT_ENCODING);
    let refuse = |message: &str, what: &str| {
        Err(Refused::new(Answer::error(415, 415_000, message), format!("{message} Found {}.", quoted(what))))
    };
    match media.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => {}
        other => return refuse("Expected a body of type application/json.", other),
    }
    match encoding.trim() {
        "" | "utf-8" | "identity" => Ok(()),
        other => refuse("Expected a body without content encoding.", other),
    }
}
