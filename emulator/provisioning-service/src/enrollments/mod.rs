//! What may register, and how it is allocated.

mod attestation;
pub(crate) mod configuration;
mod definition;
pub(crate) mod document;
pub(crate) mod enrollment;
pub(crate) mod json_text;
mod record;
