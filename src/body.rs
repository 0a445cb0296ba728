//! Request bodies: read whole, within bounds of size, time and memory.

use std::borrow::Cow;
use std::fmt;
use std::pin::pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use warp::Buf;
use warp::hyper::body::Bytes;

use crate::memory::{Exhausted, MemoryBudget, Share};

/// How long a sender may take for one body, unless a [`Limits`] says otherwise. The host has the whole body
/// before it calls the handler, except when it proxies.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What one request may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest allocation request, in bytes.
    pub bytes: usize,
    /// How long its sender may take.
    pub timeout: Duration,
}

/// Why there is no request body to run the function on. `Display` is a sentence for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is larger than the limit, in bytes. Answered 413.
    TooLarge(usize),
    /// It did not arrive in this time. Answered 408.
    TooSlow(Duration),
    /// The connection closed before its end. Answered 400, should anybody still listen.
    CutOff,
    /// The caller sent it chunked, and the Functions host dropped it. Answered 400.
    Chunked,
    /// Too many large bodies at once, to be read or to be sent. Answered 503, upon which DPS tries again.
    OutOfMemory,
    /// Too many decisions are under way. Answered 503, upon which DPS tries again.
    Overloaded,
    /// It is not the JSON in which the Functions host calls a handler. Answered 400.
    InvalidInvocation(String),
}

/// A body in memory.
#[derive(Debug, Default)]
pub struct Body {
    /// The first part, which is the whole of most bodies, as it was received.
    first: Bytes,
    /// All parts, once there is a second one.
    all: Vec<u8>,
    share: Share,
}

/// Reads `stream` to its end. A body that is refused is read all the same, and thrown away: an answer
/// that came before the end of the request would be lost on a client that is still sending.
///
/// # Errors
///
/// [`Unread`] for a body of more than `limits.bytes`, a slow or a broken one, or one beyond the memory budget.
pub async fn read<S, B>(stream: S, limits: Limits, memory: &MemoryBudget) -> Result<Body, Unread>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let Limits { bytes, timeout } = limits;
    let body = tokio::time::timeout(timeout, collect(stream, bytes, memory)).await;
    body.unwrap_or(Err(Unread::TooSlow(timeout)))
}

async fn collect<S, B>(stream: S, limit: usize, memory: &MemoryBudget) -> Result<Body, Unread>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let mut stream = pin!(stream);
    let mut body = Ok(Body::default());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Unread::CutOff)?;
        body = body.and_then(|body| body.with(chunk, limit, memory));
    }
    body
}

/// `bytes` as text. What is not valid UTF-8 becomes U+FFFD, as in the Functions host.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    // Several times as fast as going straight to the lossy way.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

// === impl Limits ===

impl Limits {
    /// Requests of at most so many bytes, whose senders take no longer than half a minute.
    #[must_use]
    pub const fn of(bytes: usize) -> Self {
        Self { bytes, timeout: TIMEOUT }
    }

    /// What an invocation may take that brings a request within these limits. The host writes the body as a JSON
    /// text, up to six bytes for one, and repeats its members in `Metadata`; then there are the caller's headers and
    /// identities.
    #[must_use]
    pub const fn of_invocation(self) -> Self {
        Self { bytes: self.bytes.saturating_mul(12).saturating_add(256 * 1024), ..self }
    }
}

// === impl Body ===

impl Body {
    /// All of it as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        text(if self.all.is_empty() { &self.first } else { &self.all })
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with(mut self, mut chunk: impl Buf, limit: usize, memory: &MemoryBudget) -> Result<Self, Unread> {
        let before = self.len();
        let length = before + chunk.remaining();
        if length > limit {
            return Err(Unread::TooLarge(limit));
        }
        memory.grow(&mut self.share, length)?;
        let chunk = chunk.copy_to_bytes(chunk.remaining());
        if before == 0 {
            self.first = chunk;
        } else {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
            self.all.extend_from_slice(&chunk);
        }
        Ok(self)
    }
}

// === impl Unread ===

impl Unread {
    /// The HTTP status to answer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooLarge(_) => 413,
            Self::TooSlow(_) => 408,
            Self::CutOff | Self::Chunked | Self::InvalidInvocation(_) => 400,
            Self::OutOfMemory | Self::Overloaded => 503,
        }
    }
}

impl From<Exhausted> for Unread {
    fn from(Exhausted: Exhausted) -> Self {
        Self::OutOfMemory
    }
}

impl std::error::Error for Unread {}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => {
                write!(f, "The request body is too large: expected at most {limit} bytes.")
            }
            Self::TooSlow(timeout) => {
                write!(f, "The request body was not complete within {} seconds.", timeout.as_secs())
            }
            Self::CutOff => f.write_str("The connection closed before the end of the request body."),
            Self::Chunked => f.write_str(
                "The request body was sent chunked, and the Functions host passes no chunked body on to custom \
                 handlers: expected a Content-Length.",
            ),
            Self::OutOfMemory => {
                f.write_str("Too many large requests are being answered; this one may be sent again.")
            }
            Self::Overloaded => {
                f.write_str("Too many requests are being decided; this one may be sent again.")
            }
            Self::InvalidInvocation(what) => write!(f, "The invocation cannot be read: {what}."),
        }
    }
}
