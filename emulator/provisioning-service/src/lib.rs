//! The stand-in for the Device Provisioning Service.

mod allocation;
mod answer;
mod attestation;
mod device_api;
mod enrollments;
mod error;
mod quota;
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
