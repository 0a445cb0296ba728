//! What the provisioning service does for a device, whichever protocol the device speaks.

/// An answer to a device, before MQTT or HTTPS gives it a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, or the one in the MQTT topic: 200, 202, 401, 404, 429, …
    pub status: u16,
    /// Seconds the device is asked to wait before it polls (only with 202 and 429).
    pub retry_after: Option<u64>,
    /// The JSON body.
    pub body: String,
}

/// A device whose credential was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its registration id, as the device typed it.
    pub registration_id: String,
}

/// The provisioning service: enrollments, registrations, operations.
#[derive(Debug)]
pub struct Service {}
