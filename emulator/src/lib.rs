//! Stand-ins for the Azure Functions host and the Device Provisioning Service (DPS), and simulated
//! devices: a custom allocation policy tried on one machine, without an Azure account.
//!
//! # Layout
//!
//! - [`host`]: the Functions host. Reads an app folder, runs its custom handler, serves `/api/<function>`.
//! - [`dps`]: the provisioning service. Devices register over MQTT and HTTPS, enrollments say how they
//!   are allocated, and the custom policy calls the webhook as the real service does.
//! - [`emulator`]: both, wired as the tutorial wires them.
//! - [`contoso`]: the tutorial's cast: its enrollment group, its hub, its devices.
//! - [`device`]: a simulated device, the tutorial's C sample in small.
//! - [`tutorial`]: all of the above, compared with what the tutorial shows.
//! - [`up`]: what to paste where, so that a device registers with it.
//! - [`fleet`]: many devices at once.
//! - [`keys`]: symmetric keys and the device keys derived from them.
//! - [`journal`]: the log of everything above.
//! - [`cli`]: the command line.
//! - `json_text`: JSON as text, such as the removal of its comments.
//!
//! Nothing here shares code with the handler: both sides have only the documented protocol in common.

pub mod cli;
pub mod contoso;
pub mod device;
pub mod dps;
pub mod emulator;
pub mod fleet;
pub mod host;
pub mod journal;
mod json_text;
pub mod keys;
pub mod tutorial;
pub mod up;
