//! The stand-in for the Device Provisioning Service.

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
mod stamp;
mod store;
mod webhook;

pub use self::answer::Answer;
pub use self::enrollments::configuration::{Config, ConfigError};
pub use self::enrollments::mistake::Mistake;
pub use self::error::DpsError;
pub use self::registration::service::{Device, Service, ServiceOptions};
pub use self::server::{Dps, DpsOptions};
pub use self::store::{Store, StoreError};
pub use self::webhook::WebhookOptions;
