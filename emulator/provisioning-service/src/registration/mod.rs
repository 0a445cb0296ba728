//! A registration: what the device asks, the operation that it polls, the record that is kept, and what it is shown.

pub(crate) mod attempt;
pub(crate) mod operations;
pub(crate) mod record;
pub(crate) mod request;
