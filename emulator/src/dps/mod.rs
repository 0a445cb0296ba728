//! The stand-in for the Device Provisioning Service.
//!
//! Data flows one way: a device's packet reaches [`Service`] through a protocol; its credential is
//! checked (`sas`, against `enrollment`); a registration (`request`) opens an operation (`operation`), which
//! asks the enrollment's policy for a hub (`allocation`; for custom ones `webhook`, whose answer `reply`
//! judges), applies the answer to the device's record (`registration`), and keeps the record (`store`).
//! What the enrollments are comes from one file (`config`, `document`, `record`).

mod allocation;
mod answer;
mod config;
mod document;
mod enrollment;
mod identifier;
mod operation;
mod record;
mod registration;
mod reply;
mod request;
mod sas;
mod service;
mod stamp;
mod store;
mod throttle;
mod twin;
mod webhook;

pub use self::answer::Answer;
pub use self::config::{Config, ConfigError};
pub use self::document::Mistake;
pub use self::service::{Device, Service, ServiceOptions};
pub use self::store::{Store, StoreError};
pub use self::webhook::WebhookOptions;
