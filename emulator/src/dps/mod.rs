//! The stand-in for the Device Provisioning Service.

mod service;

pub use self::service::{Answer, Device, Service};
