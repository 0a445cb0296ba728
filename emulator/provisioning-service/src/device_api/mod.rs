//! What devices speak.

pub(crate) mod certificate;
pub(crate) mod https;
pub(crate) mod listener;
pub(crate) mod mqtt;
pub(crate) mod seats;
pub(crate) mod tls;
