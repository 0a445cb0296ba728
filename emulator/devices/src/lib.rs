//! Simulated devices: they register as the tutorial's C sample does, and print what it prints.
//!
//! They register with the emulator and with the real service alike. The protocol:
//! <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>,
//! <https://learn.microsoft.com/azure/iot-dps/iot-dps-https-sym-key-support>.
//!
//! # Layout
//!
//! One device:
//!
//! - [`Device`] (`device`): what it knows about itself, and the SAS token made of its key.
//! - [`Endpoint`] (`endpoint`): where it registers, over which protocol, and whom it trusts.
//! - `registration`: [`Device::register`], from connecting to the final answer, over `mqtt` or `https`. Each
//!   `message` is a request there or an answer back.
//! - [`Registration`] or [`Failure`] (`outcome`): how it ends.
//! - [`register_and_print`] (`sample_output`): the same with the C sample's output.
//!
//! Many devices: [`fleet`].

mod device;
mod endpoint;
pub mod fleet;
mod https;
mod message;
mod mqtt;
mod outcome;
mod registration;
mod sample_output;

pub use self::device::Device;
pub use self::endpoint::{Endpoint, GLOBAL_HOST, HostPort, Transport};
pub use self::outcome::{Failure, Refusal, Registration};
pub use self::registration::Status;
pub use self::sample_output::register_and_print;
