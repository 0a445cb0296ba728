//! How many connections may be open at once, and which is closed when more arrive.
//!
//! A connection with a valid credential keeps its seat. Of the others, when all seats are taken, the oldest loses
//! its seat to the next one, though not before it has had some time: silent connections, however many, keep nobody
//! out for long, and many devices at once wait their turn.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout};

/// The least time that a device has to show its credential.
const FAIR: Duration = Duration::from_secs(2);

/// How often connections that have had that time are looked for.
const ROUND: Duration = Duration::from_millis(20);

/// The seats of all ports.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    unproven: Arc<Mutex<Unproven>>,
}

/// Connections without a credential so far, in the order of their arrival.
#[derive(Debug, Default)]
struct Unproven {
    next: u64,
    since: BTreeMap<u64, (Instant, oneshot::Sender<()>)>,
}

/// One connection's seat, free again when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    /// What the connection is to be given.
    pub(crate) proof: Proof,
    dismissed: oneshot::Receiver<()>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// How a connection reports that its device has shown a valid credential.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    seats: Seats,
    number: u64,
}

// === impl Seats ===

impl Seats {
    /// At most `most`, or half of the files that the system lets this process open, if that is less:
    /// calls of webhooks and the other stand-ins need some too.
    pub(crate) fn new(most: usize) -> Self {
        let count = open_files().map_or(most, |files| most.min(files / 2)).max(1);
        Self { free: Arc::new(Semaphore::new(count)), unproven: Arc::default() }
    }

    /// How many are free now.
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// A seat, as soon as there is one.
    pub(crate) async fn take(&self) -> Seat {
        let permit = loop {
            if self.free() == 0 {
                self.dismiss();
            }
            // The semaphore is never closed, so what is acquired is a permit.
            if let Ok(permit) = timeout(ROUND, self.free.clone().acquire_owned()).await {
                break permit.ok();
            }
        };
        let (dismiss, dismissed) = oneshot::channel();
        let mut unproven = self.unproven.lock().unwrap_or_else(PoisonError::into_inner);
        unproven.next += 1;
        let number = unproven.next;
        unproven.since.insert(number, (Instant::now(), dismiss));
        Seat { proof: Proof { seats: self.clone(), number }, dismissed, _permit: permit }
    }

    /// Closes the oldest connection without a credential, if it has had its time.
    fn dismiss(&self) {
        let mut unproven = self.unproven.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(oldest) = unproven.since.first_entry()
            && oldest.get().0.elapsed() >= FAIR
        {
            let (_, dismiss) = oldest.remove();
            // Fails if the connection has just ended by itself.
            let _ = dismiss.send(());
        }
    }
}

// === impl Seat ===

impl Seat {
    /// Returns when the seat is needed for another connection.
    pub(crate) async fn dismissed(&mut self) {
        if (&mut self.dismissed).await.is_err() {
            // The device has shown its credential.
            std::future::pending().await
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.proof.give();
    }
}

// === impl Proof ===

impl Proof {
    /// The device has shown a valid credential, or has disconnected.
    pub(crate) fn give(&self) {
        self.seats.unproven.lock().unwrap_or_else(PoisonError::into_inner).since.remove(&self.number);
    }
}

/// How many files this process may have open. `None` where the system does not tell in Linux’s way.
fn open_files() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
