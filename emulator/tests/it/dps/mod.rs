//! The stand-in for the provisioning service.

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
/// What is kept.
mod store;
/// TLS, certificates, start and stop.
mod tls;
/// Custom allocation.
mod webhook;
/// A webhook that answers what a test tells it to.
mod webhook_server;
