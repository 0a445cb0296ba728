//! What the provisioning service does for a device, whichever protocol the device speaks.

use std::sync::Arc;

use super::{Answer, Config, Store};
use crate::journal::Journal;

/// A device whose credential was accepted.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its registration id, as the device typed it.
    pub registration_id: String,
}

/// How the service behaves where the real one is either documented with a number or not documented at all.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// Seconds a device is asked to wait before it polls: 3, as the real service says.
    pub retry_after: u64,
}

/// The provisioning service: enrollments, registrations, operations.
#[derive(Debug)]
pub struct Service {
    #[expect(dead_code, reason = "skeleton")]
    config: Config,
    #[expect(dead_code, reason = "skeleton")]
    options: ServiceOptions,
    #[expect(dead_code, reason = "skeleton")]
    store: Store,
    #[expect(dead_code, reason = "skeleton")]
    journal: Journal,
}

// === impl Service ===

impl Service {
    /// A service with the enrollments of `config`, the earlier assignments of `store`, and a log in `journal`.
    #[must_use]
    pub fn new(config: Config, options: ServiceOptions, store: Store, journal: Journal) -> Arc<Self> {
        Arc::new(Self { config, options, store, journal })
    }

    /// Checks a device's credential. `id_scope` and `registration_id` are those of the MQTT username or
    /// the HTTPS path, percent-decoded, and `sas` is the MQTT password or the `Authorization` header.
    ///
    /// # Errors
    ///
    /// The answer for the device, 401002 whatever the reason; the reason is in the journal already.
    pub fn authenticate(
        &self,
        id_scope: &str,
        registration_id: &str,
        sas: Option<&str>,
    ) -> Result<Device, Answer> {
        let _ = (id_scope, registration_id, sas);
        Err(Answer::unauthorized())
    }

    /// Begins a registration: `PUT …/register`, `iotdps-register`. `body` is what the device sent: nothing,
    /// blanks, or a JSON object. Answers 202 at once and allocates in the background; a disabled enrollment
    /// is answered 200. Must be called within a Tokio runtime.
    pub fn register(self: &Arc<Self>, device: &Device, body: &[u8]) -> Answer {
        let _ = (device, body);
        Answer::internal("not built yet")
    }

    /// How an operation stands: `GET …/operations/{id}`, `iotdps-get-operationstatus`.
    pub fn operation_status(&self, device: &Device, operation_id: &str) -> Answer {
        let _ = (device, operation_id);
        Answer::internal("not built yet")
    }

    /// The device's registration as it stands: `POST …/registrations/{id}`, with the body of a registration.
    pub fn lookup(&self, device: &Device, body: &[u8]) -> Answer {
        let _ = (device, body);
        Answer::internal("not built yet")
    }
}

// === impl ServiceOptions ===

impl Default for ServiceOptions {
    fn default() -> Self {
        Self { retry_after: 3 }
    }
}
