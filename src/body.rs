//! Bodies in memory: those of requests read, and those of replies kept, within bounds of size, time and room.

use std::borrow::Cow;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warp::Buf;
use warp::hyper::body::Bytes;

/// How long a sender may take for one body, unless a [`Limits`] says otherwise. The host has the whole body
/// before it calls the handler, except when it proxies.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every request may hold, whatever others hold: many times what DPS commonly sends.
const SMALL: usize = 64 * 1024;

/// What the larger requests and replies of one moment may hold together, in KiB.
const SHARED_KIB: usize = 64 * 1024;

/// What one request may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest allocation request, in bytes.
    pub bytes: usize,
    /// How long its sender may take.
    pub patience: Duration,
}

/// Why a request body was not read. `Display` is a sentence for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is larger than the limit, in bytes. Answered 413.
    TooLarge(usize),
    /// It did not arrive in this time. Answered 408.
    TooSlow(Duration),
    /// It ended before its end. Answered 400, should anybody still listen.
    CutOff,
    /// Too many large bodies at once, to be read or to be sent. Answered 503, upon which DPS tries again.
    NoRoom,
    /// It is not the JSON in which the Functions host calls a handler. Answered 400.
    NoInvocation(String),
}

/// The memory that the large bodies of one moment share, those of requests and those of replies.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

/// A body in memory, and the room that it takes there.
#[derive(Debug, Default)]
pub struct Body {
    /// The first part, which is the whole of most bodies, as it was received.
    first: Bytes,
    /// All parts, once there is a second one.
    all: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

/// A reply on its way, and the room that it takes until it is sent.
struct Kept {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// Reads `stream` to its end. A body that is refused is read all the same, and thrown away: an answer
/// that came before the end of the request would be lost on a client that is still sending.
///
/// # Errors
///
/// [`Unread`] for a body of more than `limits.bytes`, a slow or a broken one, or one without room.
pub async fn read<S, B>(stream: S, limits: Limits, room: &Room) -> Result<Body, Unread>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let Limits { bytes, patience } = limits;
    let body = tokio::time::timeout(patience, collect(stream, bytes, room)).await;
    body.unwrap_or(Err(Unread::TooSlow(patience)))
}

async fn collect<S, B>(stream: S, most: usize, room: &Room) -> Result<Body, Unread>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let mut stream = pin!(stream);
    let mut body = Ok(Body::default());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Unread::CutOff)?;
        body = body.and_then(|body| body.with(chunk, most, room));
    }
    body
}

/// `bytes` as text. What is no UTF-8 becomes U+FFFD, as the Functions host has it too.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    // Several times as fast as going straight to the lossy way.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// What a body of this length takes of the room that is shared.
const fn kib_beyond_small(length: usize) -> usize {
    length.saturating_sub(SMALL).div_ceil(1024)
}

// === impl Limits ===

impl Limits {
    /// Requests of at most so many bytes, whose senders take no longer than half a minute.
    #[must_use]
    pub const fn of(bytes: usize) -> Self {
        Self { bytes, patience: PATIENCE }
    }
}

// === impl Body ===

impl Body {
    /// All of it as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        text(if self.all.is_empty() { &self.first } else { &self.all })
    }

    fn with(mut self, mut chunk: impl Buf, most: usize, room: &Room) -> Result<Self, Unread> {
        let before = self.first.len() + self.all.len();
        let length = before + chunk.remaining();
        if length > most {
            return Err(Unread::TooLarge(most));
        }
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let needed = kib_beyond_small(length);
        if needed > held {
            let more = room.take(needed - held)?;
            match &mut self.room {
                Some(room) => room.merge(more),
                none => *none = Some(more),
            }
        }
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

// === impl Kept ===

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

// === impl Room ===

impl Room {
    /// Keeps `reply` until it is sent, which a caller who does not read can put off for as long as it likes.
    ///
    /// # Errors
    ///
    /// [`Unread::NoRoom`] for a large one when there is no room.
    pub fn keep(&self, reply: Vec<u8>) -> Result<Bytes, Unread> {
        match kib_beyond_small(reply.len()) {
            0 => Ok(reply.into()),
            kib => Ok(Bytes::from_owner(Kept { bytes: reply, _room: self.take(kib)? })),
        }
    }

    fn take(&self, kib: usize) -> Result<OwnedSemaphorePermit, Unread> {
        let kib = u32::try_from(kib).map_err(|_| Unread::NoRoom)?;
        self.0.clone().try_acquire_many_owned(kib).map_err(|_| Unread::NoRoom)
    }
}

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SHARED_KIB)))
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
            Self::CutOff | Self::NoInvocation(_) => 400,
            Self::NoRoom => 503,
        }
    }
}

impl std::error::Error for Unread {}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(most) => {
                write!(f, "The request body is too large: at most {most} bytes are wanted.")
            }
            Self::TooSlow(patience) => {
                write!(f, "The request body was not complete within {} seconds.", patience.as_secs())
            }
            Self::CutOff => f.write_str("The request body ended before its end."),
            Self::NoRoom => {
                f.write_str("Too many large requests are being read; this one may be sent again.")
            }
            Self::NoInvocation(what) => write!(
                f,
                "The invocation cannot be read: {what}. JSON was wanted as the Functions host sends it: \
                 {{\"Data\":{{\"req\":{{\"Body\":\"…\"}}}}}}."
            ),
        }
    }
}
