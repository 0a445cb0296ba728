//! Allocation: which hub a device gets, by the policy of its enrollment.
//!
//! <https://learn.microsoft.com/azure/iot-dps/how-to-use-allocation-policies>

mod allocator;
mod hashed;
mod request;

pub(crate) use self::allocator::Allocator;
