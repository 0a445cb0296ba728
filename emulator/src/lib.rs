//! Stand-ins for the Azure Functions host and the Device Provisioning Service (DPS), and simulated
//! devices: a custom allocation policy tried on one machine, without an Azure account.
//!
//! # Layout
//!
//! - [`host`]: the Functions host. Reads an app folder, runs its custom handler, serves `/api/<function>`.
//! - [`dps`]: the provisioning service. Devices register over MQTT and HTTPS, enrollments say how they
//!   are allocated, and the custom policy calls the webhook as the real service does.
//! - [`device`]: a simulated device, the tutorial's C sample in small.
//! - [`fleet`]: many of them at once.
//! - [`keys`]: symmetric keys and the device keys derived from them.
//! - [`cli`]: the command line.
//! - [`journal`]: where everything above says what it does.
//!
//! Nothing here knows the handler's code: what both sides agree on is the documented protocol alone.

pub mod cli;
pub mod device;
pub mod dps;
pub mod fleet;
pub mod host;
pub mod journal;
pub mod keys;
