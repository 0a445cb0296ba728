//! Operations: one for each registration that a device asks for, to be polled until it is decided.
//!
//! All of it is bounded: a device has a few operations at most, and decided ones are forgotten after a while.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::registration::record::RegistrationState;

/// Operations remembered for one device.
const MOST_OF_ONE: usize = 16;
/// Devices that register at once, and devices whose decided operations are remembered.
const MOST: usize = 100_000;
/// How long a decided operation can be polled.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The operations of all devices. Devices are named by their folded registration ids.
#[derive(Debug, Default)]
pub(crate) struct Operations(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    devices: HashMap<String, Device>,
    /// When, and whose, the oldest first.
    decided: VecDeque<(Instant, String)>,
}

/// What became of a device's wish to be registered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// An operation that is to be worked on.
    New,
    /// The same, and an earlier one of the device is under way: it is stopped, and comes to what this one does.
    Newer,
    /// The device has asked for the same already: this operation is under way.
    Same(String),
    /// Too many devices are registering.
    TooMany,
}

/// The operations of one device, the oldest first.
#[derive(Debug, Default)]
struct Device {
    operations: VecDeque<Operation>,
    /// The task that decides the newest, and with it the earlier ones that are not decided.
    task: Option<AbortHandle>,
    /// When the newest was decided.
    decided: Option<Instant>,
}

#[derive(Debug)]
struct Operation {
    id: String,
    payload: Option<String>,
    /// How many polls are still answered "assigning", decided or not.
    assigning_polls: u32,
    assigning: Arc<RegistrationState>,
    decided: Option<Arc<RegistrationState>>,
}

impl Operations {
    /// Opens an operation for a device that sent `payload`. It is `assigning` until it is decided; the first
    /// `assigning_polls` polls are answered so in any case.
    pub(crate) fn open(
        &self,
        device: &str,
        id: &str,
        payload: Option<&str>,
        assigning_polls: u32,
        assigning: RegistrationState,
    ) -> Opened {
        let mut table = self.lock();
        table.forget();
        if table.devices.len() >= 2 * MOST {
            return Opened::TooMany;
        }
        let Device { operations, task, decided } = table.devices.entry(device.to_owned()).or_default();
        let newest = operations.back().filter(|newest| newest.decided.is_none());
        let opened = match newest {
            Some(newest) if newest.payload.as_deref() == payload => return Opened::Same(newest.id.clone()),
            Some(_) => Opened::Newer,
            None => Opened::New,
        };
        *decided = None;
        if let Some(task) = task.take() {
            task.abort();
        }
        let (id, payload, assigning) = (id.to_owned(), payload.map(str::to_owned), Arc::new(assigning));
        operations.push_back(Operation { id, payload, assigning_polls, assigning, decided: None });
        if operations.len() > MOST_OF_ONE {
            operations.pop_front();
        }
        opened
    }

    /// Says which task works on the operation `id`, the device's newest, so that it can be stopped.
    pub(crate) fn attach(&self, device: &str, id: &str, task: AbortHandle) {
        match self.lock().under_way(device, id) {
            Some(device) => device.task = Some(task),
            None => task.abort(),
        }
    }

    /// Decides the operation `id`, and the device's earlier ones that are not, if it is the newest.
    pub(crate) fn decide(&self, device: &str, id: &str, state: RegistrationState) {
        let mut table = self.lock();
        let Some(found) = table.under_way(device, id) else { return };
        let (state, now) = (Arc::new(state), Instant::now());
        for operation in &mut found.operations {
            operation.decided.get_or_insert_with(|| Arc::clone(&state));
        }
        (found.task, found.decided) = (None, Some(now));
        table.decided.push_back((now, device.to_owned()));
    }

    /// What a device that polls is shown. Nothing if there is no such operation, or no longer.
    pub(crate) fn poll(&self, device: &str, id: &str) -> Option<Arc<RegistrationState>> {
        let mut table = self.lock();
        let operations = &mut table.devices.get_mut(device)?.operations;
        let operation = operations.iter_mut().find(|operation| operation.id == id)?;
        if operation.assigning_polls > 0 {
            operation.assigning_polls -= 1;
            return Some(Arc::clone(&operation.assigning));
        }
        Some(operation.state())
    }

    /// How the device's newest operation stands.
    pub(crate) fn newest(&self, device: &str) -> Option<Arc<RegistrationState>> {
        self.lock().devices.get(device)?.operations.back().map(Operation::state)
    }

    /// Stops whatever is under way.
    pub(crate) fn stop(&self) {
        for task in self.lock().devices.values().filter_map(|device| device.task.as_ref()) {
            task.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The device, if its newest operation is `id` and not decided.
    fn under_way(&mut self, device: &str, id: &str) -> Option<&mut Device> {
        let newest = |device: &&mut Device| {
            device.operations.back().is_some_and(|newest| newest.id == id && newest.decided.is_none())
        };
        self.devices.get_mut(device).filter(newest)
    }

    /// Forgets the devices whose newest operation was decided long ago, and the first of those that are too many.
    fn forget(&mut self) {
        while let Some((when, _)) = self.decided.front()
            && (when.elapsed() >= REMEMBERED || self.decided.len() > MOST)
            && let Some((when, device)) = self.decided.pop_front()
        {
            // Unless it has registered again since.
            if self.devices.get(&device).is_some_and(|found| found.decided == Some(when)) {
                self.devices.remove(&device);
            }
        }
    }
}

impl Operation {
    fn state(&self) -> Arc<RegistrationState> {
        Arc::clone(self.decided.as_ref().unwrap_or(&self.assigning))
    }
}
