//! The stand-in for the provisioning service.

/// The certificate: made, kept, replaced.
mod certificate;
/// Its configuration file.
mod config;
/// Credentials.
mod credentials;
/// HTTPS: answers, headers, refusals.
mod https;
/// MQTT: bytes, rules, refusals.
mod mqtt;
/// MQTT packets by hand, for the other modules.
mod mqtt_client;
/// The life of a registration.
mod registration;
/// The packets of the device SDKs, replayed.
mod replay;
/// The service without a protocol, for the modules about it.
mod rig;
/// A provisioning service to talk to, for the other modules.
pub(crate) mod server;
/// Start and stop: addresses, ports, what is left behind.
mod start_and_stop;
/// What is kept.
mod store;
/// TLS: what is spoken, and what is said of clients that fail.
mod tls;
/// Custom allocation.
mod webhook;
/// A webhook that answers what a test tells it to.
mod webhook_server;
