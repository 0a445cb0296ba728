//! The emulator from outside: its commands as processes, its stand-ins with real clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// The command line: key derivation, usage errors, exit codes.
mod cli;
/// A proxy that leads a client with a fixed port to another.
mod connect_proxy;
/// SIGKILL of the provisioning service.
mod crash;
/// The simulated device, against a service that plays a script.
mod device;
/// The stand-in for the provisioning service.
mod dps;
/// Many devices at once.
mod fleet;
/// The stand-in for the Functions host.
mod host;
/// No circle among the modules of a crate.
mod modules;
/// Running a program with a deadline, for the other modules.
mod program;
/// A service that answers what a test tells it to.
mod scripted_service;
/// The Python and Node device SDKs, unmodified, against the stand-ins.
mod sdk;
/// The commands that run until Ctrl-C.
#[cfg(target_os = "linux")]
mod servers;
/// The whole tutorial by one command.
mod tutorial;
