//! The memory that large bodies share, so that many of them at once cannot take all there is.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warp::hyper::body::Bytes;

/// What every body may take, whatever others take: many times what DPS commonly sends. In bytes.
const SMALL: usize = 64 * 1024;

/// What all larger bodies of one moment may take together, in KiB.
const SHARED_KIB: usize = 64 * 1024;

/// The memory for the large bodies of one moment: requests being read and replies being sent.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Semaphore>);

/// What one body takes of a [`MemoryBudget`]; given back when dropped.
#[derive(Debug, Default)]
pub struct Share(Option<OwnedSemaphorePermit>);

/// There is not enough left of a [`MemoryBudget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// A reply, and its share of the budget until it is sent.
struct Reply {
    bytes: Vec<u8>,
    _share: Share,
}

/// What a body of this length takes of what is shared, in KiB.
const fn kib_beyond_small(length: usize) -> usize {
    length.saturating_sub(SMALL).div_ceil(1024)
}

// === impl MemoryBudget ===

impl MemoryBudget {
    /// Makes `share` large enough for a body of `length` bytes.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] when other bodies have the rest.
    pub fn grow(&self, share: &mut Share, length: usize) -> Result<(), Exhausted> {
        let held = share.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = kib_beyond_small(length).saturating_sub(held);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| Exhausted)?;
        let permit = self.0.clone().try_acquire_many_owned(more).map_err(|_| Exhausted)?;
        match &mut share.0 {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }

    /// Keeps `reply` in memory until it is sent, which a caller who does not read can put off for as long as it likes.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] for a large reply when other bodies have the rest.
    pub fn hold(&self, reply: Vec<u8>) -> Result<Bytes, Exhausted> {
        let mut share = Share::default();
        self.grow(&mut share, reply.len())?;
        Ok(match share.0 {
            None => reply.into(),
            Some(_) => Bytes::from_owner(Reply { bytes: reply, _share: share }),
        })
    }
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SHARED_KIB)))
    }
}

// === impl Reply ===

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
