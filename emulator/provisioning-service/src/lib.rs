//! A stand-in for the Azure Device Provisioning Service (DPS).
//!
//! # A registration, room by room
//!
//! 1. `device_api`: a device connects over TLS and speaks MQTT or HTTPS. Its request becomes a call of [`Service`], and
//!    the [`Answer`] goes back in the protocol's frame.
//! 2. `attestation`: its SAS token is checked; which enrollment's key signed it?
//! 3. `enrollments`: individual ones and groups, read from the configuration file ([`Config`]).
//! 4. `registration`: what it asks, the operation that it polls, and its attempt to be assigned.
//! 5. `allocation`: the enrollment's policy names a hub.
//! 6. `webhook`: that of a custom policy is asked, with retries, and its reply judged.
//! 7. [`Store`]: the record of the device is on the disk before the device is told.
//!
//! [`Service`] is that path in one file, and [`Dps`] is the service as it runs: ports, certificate, start, stop.
//!
//! Who uses whom, from the top: [`Dps`], `device_api`, [`Service`], `allocation`, `webhook`, `attestation`, [`Store`],
//! `registration`, `enrollments`. Each uses only those after it.

mod allocation;
mod answer;
mod api_version;
mod attestation;
mod compact;
mod device_api;
mod enrollments;
mod error;
mod quoted;
mod registration;
pub mod registration_id;
mod server;
mod service;
mod stamp;
mod store;
mod webhook;

pub use self::answer::Answer;
pub use self::enrollments::configuration::{Config, ConfigError};
pub use self::enrollments::document::Mistake;
pub use self::error::DpsError;
pub use self::server::{Dps, DpsOptions};
pub use self::service::{Device, Service, ServiceOptions};
pub use self::store::{Store, StoreError};
pub use self::webhook::WebhookOptions;
