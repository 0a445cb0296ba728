//! Operations: one for each registration that a device asks for, to be polled until it is decided.
//!
//! All of it is bounded: a device has a few operations at most and only the newest is under way, decided
//! ones are forgotten after a while, and no more than [`MOST`] are remembered in all.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::registration::record::RegistrationState;

/// Operations remembered for one device.
const MOST_OF_ONE: usize = 4;
/// Operations under way at once, and decided ones remembered.
const MOST: usize = 100_000;
/// How long a decided operation can be polled.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The operations of all devices. Devices are named by their folded registration ids.
#[derive(Debug, Default)]
pub(crate) struct Operations(Mutex<Table>);

/// The result of opening an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It is under way.
    Alone,
    /// It is under way, in place of an earlier one.
    InPlaceOfAnother,
    /// Too many are under way.
    Refused,
}

#[derive(Debug, Default)]
struct Table {
    devices: HashMap<String, VecDeque<Operation>>,
    /// When, whose and which, the oldest first.
    decided: VecDeque<(Instant, String, String)>,
    under_way: usize,
}

#[derive(Debug)]
struct Operation {
    id: String,
    /// How many polls are still answered "assigning", decided or not.
    assigning_polls: u32,
    assigning: Arc<RegistrationState>,
    decided: Option<Arc<RegistrationState>>,
    /// The task that decides it, once it runs.
    task: Option<AbortHandle>,
}

// === impl Operations ===

impl Operations {
    /// Opens an operation, which is `assigning` until it is decided; the first `assigning_polls` polls are
    /// told so in any case. An earlier operation of the device that is under way is stopped and becomes
    /// `superseded`.
    pub(crate) fn open(
        &self,
        device: &str,
        id: &str,
        assigning_polls: u32,
        assigning: RegistrationState,
        superseded: RegistrationState,
    ) -> Opened {
        let mut table = self.lock();
        table.forget();
        if table.under_way >= MOST {
            return Opened::Refused;
        }
        let another = table.supersede(device, superseded);
        table.under_way += 1;
        let assigning = Arc::new(assigning);
        let operation =
            Operation { id: id.to_owned(), assigning_polls, assigning, decided: None, task: None };
        let operations = table.devices.entry(device.to_owned()).or_default();
        operations.push_back(operation);
        if operations.len() > MOST_OF_ONE {
            operations.pop_front();
        }
        if another { Opened::InPlaceOfAnother } else { Opened::Alone }
    }

    /// Says which task works on an operation, so that it can be stopped.
    pub(crate) fn attach(&self, device: &str, id: &str, task: AbortHandle) {
        match self.lock().find(device, id) {
            Some(operation) if operation.decided.is_none() => operation.task = Some(task),
            _ => task.abort(),
        }
    }

    /// Decides an operation, unless it is decided.
    pub(crate) fn decide(&self, device: &str, id: &str, state: RegistrationState) {
        let mut table = self.lock();
        match table.find(device, id) {
            Some(operation) if operation.decided.is_none() => operation.decided = Some(Arc::new(state)),
            _ => return,
        }
        table.note_decided(device, id);
    }

    /// What a device that polls is told. Nothing if there is no such operation, or no longer.
    pub(crate) fn poll(&self, device: &str, id: &str) -> Option<Arc<RegistrationState>> {
        let mut table = self.lock();
        let operation = table.find(device, id)?;
        if operation.assigning_polls > 0 {
            operation.assigning_polls -= 1;
            return Some(Arc::clone(&operation.assigning));
        }
        Some(operation.state())
    }

    /// How the device's newest operation stands.
    pub(crate) fn newest(&self, device: &str) -> Option<Arc<RegistrationState>> {
        self.lock().devices.get(device)?.back().map(Operation::state)
    }

    /// Stops whatever is under way.
    pub(crate) fn stop(&self) {
        let table = self.lock();
        for task in table.devices.values().flatten().filter_map(|operation| operation.task.as_ref()) {
            task.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Table ===

impl Table {
    fn find(&mut self, device: &str, id: &str) -> Option<&mut Operation> {
        self.devices.get_mut(device)?.iter_mut().find(|operation| operation.id == id)
    }

    /// Stops the operation of `device` that is under way, if there is one.
    fn supersede(&mut self, device: &str, state: RegistrationState) -> bool {
        // Only the newest can be under way.
        let newest = self.devices.get_mut(device).and_then(VecDeque::back_mut);
        let Some(operation) = newest.filter(|operation| operation.decided.is_none()) else { return false };
        if let Some(task) = operation.task.take() {
            task.abort();
        }
        operation.decided = Some(Arc::new(state));
        let id = operation.id.clone();
        self.note_decided(device, &id);
        true
    }

    fn note_decided(&mut self, device: &str, id: &str) {
        self.under_way -= 1;
        self.decided.push_back((Instant::now(), device.to_owned(), id.to_owned()));
    }

    /// Forgets what was decided long ago, and the oldest of what is too much.
    fn forget(&mut self) {
        while let Some((when, device, id)) = self.decided.front() {
            if when.elapsed() < REMEMBERED && self.decided.len() <= MOST {
                return;
            }
            if let Entry::Occupied(mut operations) = self.devices.entry(device.clone()) {
                operations.get_mut().retain(|operation| operation.id != *id);
                if operations.get().is_empty() {
                    operations.remove();
                }
            }
            self.decided.pop_front();
        }
    }
}

// === impl Operation ===

impl Operation {
    fn state(&self) -> Arc<RegistrationState> {
        Arc::clone(self.decided.as_ref().unwrap_or(&self.assigning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> RegistrationState {
        RegistrationState::disabled("dev")
    }

    #[test]
    fn so_many_are_under_way_and_no_more() {
        let operations = Operations::default();
        for nth in 0..MOST {
            assert_eq!(operations.open(&nth.to_string(), "op", 0, state(), state()), Opened::Alone);
        }
        assert_eq!(operations.open("one more", "op", 0, state(), state()), Opened::Refused);
        assert!(operations.poll("one more", "op").is_none());
        operations.decide("0", "op", state());
        operations.decide("0", "op", state());
        assert_eq!(operations.open("one more", "op", 0, state(), state()), Opened::Alone);
        assert_eq!(operations.open("and more", "op", 0, state(), state()), Opened::Refused);
    }

    #[test]
    fn so_many_decided_ones_are_remembered_and_no_more() {
        let operations = Operations::default();
        for nth in 0..MOST + 10 {
            let device = nth.to_string();
            assert_eq!(operations.open(&device, "op", 0, state(), state()), Opened::Alone);
            operations.decide(&device, "op", state());
        }
        assert!(operations.poll("8", "op").is_none());
        assert!(operations.poll("10", "op").is_some());
        let table = operations.lock();
        assert!(table.devices.len() <= MOST + 1 && table.decided.len() <= MOST + 1 && table.under_way == 0);
    }
}
