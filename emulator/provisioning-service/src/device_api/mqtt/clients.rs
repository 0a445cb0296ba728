//! Who is connected: one connection for each client id; a newer one closes an older one.
//!
//! Rule: MQTT 3.1.1, section 3.1.4
//! (<http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>, MQTT-3.1.4-2).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::registration_id::fold;

/// The client ids in use, in lower case, each with what closes its connection.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<String, Arc<Notify>>>);

// === impl Clients ===

impl Clients {
    /// Notes a new connection with `client_id` and closes the one that had it. The new one is to close when it is
    /// notified.
    pub(crate) fn connected(&self, client_id: &str) -> Arc<Notify> {
        let close = Arc::new(Notify::new());
        if let Some(older) = self.lock().insert(fold(client_id), close.clone()) {
            older.notify_one();
        }
        close
    }

    /// Notes that the connection which `close` closes has ended.
    pub(crate) fn disconnected(&self, client_id: &str, close: &Arc<Notify>) {
        let (client_id, mut clients) = (fold(client_id), self.lock());
        if clients.get(&client_id).is_some_and(|newest| Arc::ptr_eq(newest, close)) {
            clients.remove(&client_id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
