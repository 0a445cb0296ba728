//! Who is connected: one connection for each client id; a newer one replaces an older one.
//!
//! Rule: MQTT 3.1.1, section 3.1.4
//! (<http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>, MQTT-3.1.4-2).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::registration_id::fold;

/// The client ids in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    holders: HashMap<String, Holder>,
}

/// The connection that has a client id; dropping this ends it.
#[derive(Debug)]
struct Holder {
    number: u64,
    _leave: oneshot::Sender<()>,
}

/// A connection's hold on its client id, which it gives up when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    clients: Clients,
    client_id: String,
    number: u64,
    taken: oneshot::Receiver<()>,
}

// === impl Clients ===

impl Clients {
    /// Takes `client_id`, from another connection if one has it. Case makes no difference.
    pub(crate) fn take(&self, client_id: &str) -> Hold {
        let client_id = fold(client_id);
        let (leave, taken) = oneshot::channel();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.next += 1;
        let number = state.next;
        state.holders.insert(client_id.clone(), Holder { number, _leave: leave });
        Hold { clients: self.clone(), client_id, number, taken }
    }
}

// === impl Hold ===

impl Hold {
    /// Returns when another connection has taken the client id.
    pub(crate) async fn lost(&mut self) {
        let _ = (&mut self.taken).await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.holders.get(&self.client_id).is_some_and(|holder| holder.number == self.number) {
            state.holders.remove(&self.client_id);
        }
    }
}
