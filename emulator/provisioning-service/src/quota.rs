//! The quota of registrations in a minute, to try out how devices react to it:
//! <https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits>.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);

/// Counts what happens within each minute.
#[derive(Debug)]
pub(crate) struct Quota {
    limit: Option<u32>,
    /// When the present minute began, and how many it has seen.
    window: Mutex<(Instant, u32)>,
}

// === impl Quota ===

impl Quota {
    /// Lets `limit` pass in a minute, or all.
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self { limit, window: Mutex::new((Instant::now(), 0)) }
    }

    /// Lets one pass.
    ///
    /// # Errors
    ///
    /// The quota is used up, and the next minute begins in so many seconds.
    pub(crate) fn pass(&self) -> Result<(), u64> {
        let Some(limit) = self.limit else { return Ok(()) };
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.0.elapsed() >= WINDOW {
            *window = (Instant::now(), 0);
        }
        if window.1 >= limit {
            return Err(WINDOW.saturating_sub(window.0.elapsed()).as_secs() + 1);
        }
        window.1 += 1;
        Ok(())
    }
}
