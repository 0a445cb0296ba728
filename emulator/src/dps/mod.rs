//! The stand-in for the Device Provisioning Service.
//!
//! Data flows one way: a device's packet reaches [`Service`] through a protocol; its credential is
//! checked (`sas`, against `enrollment`); a registration opens an operation (`operation`), which asks the
//! enrollment's policy for a hub (`allocation`, and for custom ones `webhook`), applies the answer to the
//! device's record (`registration`), and keeps the record (`store`). What the enrollments are comes from
//! one file (`config`).

mod answer;
mod config;
mod service;
mod stamp;
mod store;

pub use self::answer::Answer;
pub use self::config::{Config, ConfigError};
pub use self::service::{Device, Service, ServiceOptions};
pub use self::store::{Store, StoreError};
