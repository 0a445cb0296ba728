//! The emulator from outside: its commands as processes, its stand-ins with real clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// The command line: key derivation, usage errors, exit codes.
mod cli;
/// The simulated device, against a service that plays a script.
mod device;
/// A provisioning service to talk to, for the other modules.
mod dps_server;
/// The Functions host: an app folder, a host that runs it, a client that controls every byte.
mod host;
/// The Functions host and the real handler: the tutorial's recorded requests.
mod host_tutorial;
/// The provisioning service over HTTPS: answers, headers, refusals.
mod https;
/// The provisioning service over MQTT: bytes, rules, refusals.
mod mqtt;
/// MQTT packets by hand, for the other modules.
mod mqtt_client;
/// Running a program with a deadline, for the other modules.
mod program;
/// The packets of the device SDKs, replayed.
mod replay;
/// A service that answers what a test tells it to.
mod scripted_service;
/// TLS, certificates, start and stop of the provisioning service.
mod tls;
