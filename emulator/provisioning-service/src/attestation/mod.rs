//! Whether a device is who it says it is.

pub(crate) mod matching;
pub(crate) mod sas_token;
