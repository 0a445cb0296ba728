//! The service as it runs: its options, its start and its stop.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::device_api::listener::{self, Protocol};
use crate::device_api::ports::listen;
use crate::device_api::{DeviceApi, certificate};
use crate::enrollments::configuration::Config;
use crate::error::DpsError;
use crate::service::{Service, ServiceOptions};
use crate::store::Store;
use journal::Journal;

/// What the service is set up with.
#[derive(Clone, Debug)]
pub struct DpsOptions {
    /// The enrollments and linked hubs.
    pub config: Config,
    /// How the service behaves where the real one does not say.
    pub service: ServiceOptions,
    /// The folder for certificates and assignments. Made if it is not there.
    pub state: PathBuf,
    /// The address to listen on. 127.0.0.1 stands for `localhost`: then ::1 is listened on as well.
    pub address: IpAddr,
    /// The port for MQTT over TLS; 0 for a free one. The SDKs for C, Python and Java know 8883 alone.
    pub mqtt_port: u16,
    /// The ports for HTTPS, of which the first that can be had is taken; 0 for a free one. The SDKs for C and Node
    /// know 443 alone.
    pub https_ports: Vec<u16>,
    /// How long an answer over MQTT waits after its request: the Java SDK misses one that comes within some
    /// milliseconds, while it is not yet listening.
    pub answer_delay: Duration,
    /// How long a device may take over a TLS handshake, its first byte, and each packet or body.
    pub timeout: Duration,
    /// How many connections may be open at once. Further ones wait.
    pub connections: usize,
}

/// The provisioning service, running.
#[derive(Debug)]
pub struct Dps {
    mqtt: SocketAddr,
    https: SocketAddr,
    ca: PathBuf,
    service: Arc<Service>,
    listeners: JoinSet<()>,
}

impl DpsOptions {
    /// The defaults: 127.0.0.1 and ::1, port 8883 for MQTT and 443 or 8443 for HTTPS, answers after 55 ms, a timeout
    /// of 10 s, 4,096 connections.
    #[must_use]
    pub fn new(config: Config, state: PathBuf) -> Self {
        Self {
            config,
            service: ServiceOptions::default(),
            state,
            address: Ipv4Addr::LOCALHOST.into(),
            mqtt_port: 8883,
            https_ports: vec![443, 8443],
            answer_delay: Duration::from_millis(55),
            timeout: Duration::from_secs(10),
            connections: 4096,
        }
    }
}

impl Dps {
    /// Starts the service. Devices can connect once this returns; it runs until [`Dps::stop`], or until it is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`DpsError`]; then nothing runs and no port is taken.
    pub async fn start(options: DpsOptions, journal: Journal) -> Result<Self, DpsError> {
        let DpsOptions { state, address, timeout, .. } = options;
        // The store first: it locks the folder, so that a start that fails changes nothing for an emulator that runs.
        let store = Store::open(&state)?;
        let (mqtt_sockets, mqtt) = listen("MQTT", "--mqtt-port", address, &[options.mqtt_port], &journal)?;
        let (https_sockets, https) =
            listen("HTTPS", "--https-port", address, &options.https_ports, &journal)?;
        let tls = certificate::load_or_create(&state, address, &journal)?;
        let ca = tls.ca.clone();

        let body_limit = options.service.body_limit;
        let service = Service::new(options.config, options.service, store, journal.clone())?;
        let api = Arc::new(DeviceApi {
            service: service.clone(),
            journal,
            tls,
            permits: Arc::new(Semaphore::new(options.connections)),
            timeout,
            answer_delay: options.answer_delay,
            mqtt_port: mqtt.port(),
            body_limit,
            clients: Mutex::default(),
        });
        let mut listeners = JoinSet::new();
        for socket in mqtt_sockets {
            listeners.spawn(listener::run(api.clone(), socket, Protocol::Mqtt));
        }
        for socket in https_sockets {
            listeners.spawn(listener::run(api.clone(), socket, Protocol::Https));
        }
        Ok(Self { mqtt, https, ca, service, listeners })
    }

    /// Where MQTT over TLS is spoken; if this is 127.0.0.1, at the same port of ::1 as well.
    #[must_use]
    pub fn mqtt_address(&self) -> SocketAddr {
        self.mqtt
    }

    /// Where HTTPS is spoken; if this is 127.0.0.1, at the same port of ::1 as well.
    #[must_use]
    pub fn https_address(&self) -> SocketAddr {
        self.https
    }

    /// The PEM file with the certificate of the certificate authority, which devices are to trust.
    #[must_use]
    pub fn ca_certificate(&self) -> &Path {
        &self.ca
    }

    /// Gives the ports back and ends all connections and registrations under way, within a second.
    pub async fn stop(mut self) {
        self.service.stop();
        self.listeners.shutdown().await;
    }
}
