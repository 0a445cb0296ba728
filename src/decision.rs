//! Where a policy decides: on the thread that read the request, or away from it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task;

use crate::body::Unread;

/// A decision that takes longer is told in the log.
const SLOW: Duration = Duration::from_secs(1);

/// How many decisions may be under way away from the workers, a thread each.
pub const THREADS: usize = 512;

/// The decisions under way away from the workers.
#[derive(Clone, Debug)]
pub struct UnderWay(Arc<Semaphore>);

/// Decides at once: for a policy that only computes.
pub fn at_once<T>(invocation_id: Option<&str>, decide: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let decided = decide();
    let taken = start.elapsed();
    if taken > SLOW {
        log::warn!(
            "{}The allocation policy decided after {:.1} seconds and held up other requests meanwhile: a policy that \
             waits must not declare itself pure computation.",
            prefix(invocation_id),
            taken.as_secs_f64()
        );
    }
    decided
}

/// Decides on a thread of its own, so that a policy that waits keeps nobody else waiting.
///
/// # Errors
///
/// [`Unread::Overloaded`] when [`THREADS`] decisions are under way.
pub async fn off_workers<T, F>(
    under_way: &UnderWay,
    invocation_id: Option<&str>,
    decide: F,
) -> Result<T, Unread>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let place = under_way.0.clone().try_acquire_owned().map_err(|_| Unread::Overloaded)?;
    let mut decision = task::spawn_blocking(move || {
        let _place = place;
        decide()
    });
    let decided = match tokio::time::timeout(SLOW, &mut decision).await {
        Ok(decided) => decided,
        Err(_) => {
            log::warn!(
                "{}The allocation policy has been deciding for more than a second.",
                prefix(invocation_id)
            );
            decision.await
        }
    };
    // Panics of the policy are caught where it is asked; what is left is a runtime that is shutting down.
    decided.map_err(|_| Unread::Overloaded)
}

// === impl UnderWay ===

impl Default for UnderWay {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(THREADS)))
    }
}

// === private ===

/// The invocation's id in front of a line.
fn prefix(invocation_id: Option<&str>) -> String {
    invocation_id.map(|id| format!("[{id}] ")).unwrap_or_default()
}
