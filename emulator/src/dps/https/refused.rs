//! Requests that the rules of HTTP refuse, before the service is asked.

use hyper::header::{self, HeaderMap, HeaderName};

use crate::dps::Answer;
use crate::dps::refusals::quoted;

/// A request that HTTP forbids, before the service is asked.
pub(super) struct Refused {
    /// What the device is told.
    pub(super) answer: Answer,
    /// A header that goes with the answer.
    pub(super) header: Option<(HeaderName, &'static str)>,
    /// What the log is told.
    pub(super) why: String,
}

// === impl Refused ===

impl Refused {
    pub(super) fn new(answer: Answer, why: String) -> Box<Self> {
        Box::new(Self { answer, header: None, why })
    }

    /// One after which the connection is of no more use: the rest of the body would be taken for a request.
    pub(super) fn closing(answer: Answer, why: String) -> Box<Self> {
        Box::new(Self { answer, header: Some((header::CONNECTION, "close")), why })
    }
}

/// JSON, or no word about what it is; and not compressed. The documentation's own example calls the encoding
/// `utf-8`, which is no content encoding and does no harm.
pub(super) fn check_media(headers: &HeaderMap) -> Result<(), Box<Refused>> {
    let value = |name: HeaderName| {
        let value =
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
        value.unwrap_or_default()
    };
    let media = value(header::CONTENT_TYPE);
    let encoding = value(header::CONTENT_ENCODING);
    let refuse = |message: &str, what: &str| {
        Err(Refused::new(Answer::error(415, 415_000, message), format!("{message} This is {}", quoted(what))))
    };
    match media.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => {}
        other => return refuse("A body of type application/json is wanted.", other),
    }
    match encoding.trim() {
        "" | "utf-8" | "identity" => Ok(()),
        other => refuse("A body without content encoding is wanted.", other),
    }
}
