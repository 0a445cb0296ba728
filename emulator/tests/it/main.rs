//! The emulator from outside: its commands as processes, its stand-ins with real clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// The command line: key derivation, usage errors, exit codes.
mod cli;
/// A proxy that leads a client with a fixed port to another.
mod connect_proxy;
/// The simulated device, against a service that plays a script.
mod device;
/// The DPS stand-in: its configuration file.
mod dps_config;
/// The DPS stand-in: credentials.
mod dps_credentials;
/// The DPS stand-in: the life of a registration.
mod dps_registration;
/// The provisioning service without a protocol, for the modules about it.
mod dps_rig;
/// A provisioning service to talk to, for the other modules.
mod dps_server;
/// The DPS stand-in: what is kept.
mod dps_store;
/// The DPS stand-in: custom allocation.
mod dps_webhook;
/// A webhook that answers what a test tells it to.
mod dps_webhook_server;
/// Many devices at once.
mod fleet;
/// The Functions host: an app folder, a host that runs it, a client that controls every byte.
mod host;
/// The Functions host: mistakes in the app's folder, and what is printed of a good one.
mod host_app;
/// The Functions host: forwarding and proxying.
mod host_modes;
/// The Functions host: starting, watching and ending the handler.
mod host_process;
/// The Functions host: what it makes of the handler's replies.
mod host_replies;
/// The Functions host: what it makes of callers' requests.
mod host_requests;
/// The Functions host: callers that are malformed, slow, silent, many, or gone.
mod host_robustness;
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
/// The Python and Node device SDKs, unmodified, against the stand-ins.
mod sdk;
/// The commands that run until Ctrl-C.
#[cfg(target_os = "linux")]
mod servers;
/// TLS, certificates, start and stop of the provisioning service.
mod tls;
/// The whole tutorial by one command.
mod tutorial;
