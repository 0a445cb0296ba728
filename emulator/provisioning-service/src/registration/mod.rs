//! The life of a registration.

mod operations;
mod quota;
pub(crate) mod record;
mod request;
pub(crate) mod service;
