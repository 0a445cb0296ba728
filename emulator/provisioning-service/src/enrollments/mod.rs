//! What may register, and how it is allocated.
//!
//! `configuration.rs` reads the file: `document.rs` parses it and knows where each value stands,
//! `az_output.rs` takes out what Azure CLI adds, `linked_hub.rs` and `record.rs` read the hubs and the
//! enrollments, `symmetric_keys.rs`, `custom_allocation.rs` and `initial_twin.rs` the parts of an enrollment
//! that have rules of their own. What comes of it is in `enrollment.rs`; the times and
//! the etag of a record are in `stamps.rs`.

mod az_output;
pub(crate) mod configuration;
mod custom_allocation;
pub(crate) mod document;
pub(crate) mod enrollment;
pub(crate) mod initial_twin;
pub(crate) mod linked_hub;
mod record;
pub(crate) mod stamps;
mod symmetric_keys;
