//! Whether a device is who it says it is.

pub(crate) mod sas_token;
