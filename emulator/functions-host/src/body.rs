//! Bodies of callers, read whole within bounds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The largest body of a request, in bytes.
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits>
pub(super) const BODY_LIMIT: usize = 100 * 1024 * 1024;

/// Bodies up to this size need no share of the memory for large ones. DPS sends at most 96 KB.
const SMALL: usize = 128 * 1024;

/// All large bodies that are in memory at once, in KiB. Their envelopes take as much again, or a few times
/// as much where there is much to escape.
const LARGE_TOTAL: usize = 128 * 1024;

/// What reads bodies: the memory for large ones, and the timeout of slow ones.
#[derive(Debug)]
pub(super) struct Bodies {
    memory: Arc<Semaphore>,
    timeout: Duration,
}

/// A body, and its share of the memory, which is given back when this is dropped.
#[derive(Debug)]
pub(super) struct CallerBody {
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Why a body was not read: the status for its caller and a sentence for the log.
#[derive(Debug)]
pub(super) struct Unread {
    pub status: u16,
    pub reason: String,
}

impl Bodies {
    /// A body may take up to `timeout` to arrive, and wait as long for memory.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { memory: Arc::new(Semaphore::new(LARGE_TOTAL)), timeout }
    }

    /// Reads a body that was announced with `length` bytes. One that was not announced is not read: the
    /// host gives its handler none.
    ///
    /// # Errors
    ///
    /// 413 if it is too large, 408 if it comes too slowly, 400 if it breaks off, 503 if there is no memory.
    pub(super) async fn read(&self, body: Incoming, length: u64) -> Result<CallerBody, Unread> {
        let limit = self.timeout;
        let unread = |status, reason: String| Err(Unread { status, reason });
        if length == 0 {
            return Ok(CallerBody { bytes: Bytes::new(), _share: None });
        }
        let Some(length) = usize::try_from(length).ok().filter(|&length| length <= BODY_LIMIT) else {
            return unread(
                413,
                format!("expected a body of at most {BODY_LIMIT} bytes, found a Content-Length of {length}"),
            );
        };
        let share = if length > SMALL {
            let kibibytes = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
            match timeout(limit, Arc::clone(&self.memory).acquire_many_owned(kibibytes)).await {
                Ok(Ok(share)) => Some(share),
                _ => {
                    return unread(503, format!("no memory for a body of {length} bytes within {limit:?}"));
                }
            }
        } else {
            None
        };
        match timeout(limit, Limited::new(body, BODY_LIMIT).collect()).await {
            Ok(Ok(frames)) => Ok(CallerBody { bytes: frames.to_bytes(), _share: share }),
            Ok(Err(error)) => unread(400, format!("the caller's body broke off: {error}")),
            Err(_) => {
                unread(408, format!("the caller's body of {length} bytes did not arrive within {limit:?}"))
            }
        }
    }
}
