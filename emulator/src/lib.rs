//! A custom allocation policy tried on one machine, without an Azure account.
//!
//! # Layout
//!
//! What is pretended, a crate each, beside this one:
//!
//! - [`functions_host`]: the Functions host. Reads an app folder, runs its custom handler, serves `/api/<function>`.
//! - [`provisioning_service`]: DPS. Devices register over MQTT and HTTPS, enrollments say how they are allocated, and
//!   the custom policy calls the webhook as the real service does.
//! - [`devices`]: a simulated device, the tutorial's C sample in small, and a fleet of them.
//! - [`symmetric_key`]: symmetric keys, and the device keys derived from a group's.
//! - [`journal`]: the log of all of them.
//!
//! What is made of them, here:
//!
//! - [`emulator`]: host and service, wired as the tutorial wires them.
//! - [`contoso`]: the tutorial's cast: its enrollment group, its hub, its devices.
//! - [`tutorial`]: all of the above, compared with what the tutorial shows.
//! - [`up`]: what to paste where, so that a device registers with it.
//! - [`cli`]: the command line.
//!
//! Nothing here shares code with the handler: both sides have only the documented protocol in common.

pub mod cli;
pub mod contoso;
pub mod emulator;
pub mod tutorial;
pub mod up;
