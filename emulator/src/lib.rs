//! A custom allocation policy tried on one machine, without an Azure account.
//!
//! # Layout
//!
//! The parts, each a crate in a folder of its own beside this one:
//!
//! - [`functions_host`]: the Functions host. Reads an app folder, runs its custom handler, serves `/api/<function>`.
//! - [`provisioning_service`]: DPS. Devices register over MQTT and HTTPS, enrollments say how they are allocated, and
//!   the custom policy calls the webhook as the real service does.
//! - [`devices`]: a simulated device, the tutorial's C sample in small, and a fleet of them.
//! - [`symmetric_key`]: symmetric keys, and the device keys derived from a group's.
//! - [`journal`]: the log of all of them.
//!
//! Put together, from the bottom up:
//!
//! - [`contoso`]: the tutorial's enrollment group, hub and devices.
//! - [`emulator`]: host and service, connected as in the tutorial: the service's webhook is the host's function.
//! - [`tutorial`]: the tutorial step by step, compared with what it shows.
//! - [`up`]: what to paste where, so that a device registers with the emulator.
//! - [`cli`]: the command line.
//!
//! Nothing here shares code with the handler: they have only the documented protocol in common.

pub mod cli;
pub mod contoso;
pub mod emulator;
pub mod tutorial;
pub mod up;
