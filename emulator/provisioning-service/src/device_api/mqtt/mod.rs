//! MQTT 3.1.1 as the provisioning service speaks it.
//!
//! A device connects with its token (`connect`), subscribes to its answers, and asks with PUBLISH packets (`session`,
//! `topic`). Bytes become packets in `stream`. The codec is mqtt-protocol-core, which shares no code with rumqttc, the
//! client in the simulated devices: a mistake in one is seen by the other.
//!
//! Source: <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>. As there, no session outlives
//! its connection whatever the CONNECT asks for, and wills are accepted and forgotten.

mod connect;
mod session;
mod stream;
mod topic;

pub(crate) use self::session::serve;
