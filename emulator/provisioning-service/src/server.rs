//! The stand-in as it runs: what it is set up with, its start and its stop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;

use crate::device_api::certificate::Certificate;
use crate::device_api::https::Https;
use crate::device_api::listener::{Listener, Protocol, Stop};
use crate::device_api::mqtt::{Mqtt, MqttOptions};

use crate::device_api::seats::Seats;
use crate::device_api::tls;
use crate::{Config, DpsError, Service, ServiceOptions, Store};
use journal::Journal;

/// How many connections may wait to be accepted, as far as the system allows.
const BACKLOG: u32 = 4096;

/// The longest that a stop may take.
const STOP: Duration = Duration::from_secs(1);

/// What the stand-in is set up with.
#[derive(Clone, Debug)]
pub struct DpsOptions {
    /// The enrollments and linked hubs.
    pub config: Config,
    /// How the service behaves where the real one does not say.
    pub service: ServiceOptions,
    /// The folder for certificates and assignments. Made if it is not there.
    pub state: PathBuf,
    /// The address to listen on.
    pub address: IpAddr,
    /// The port for MQTT over TLS; 0 for a free one. The SDKs for C, Python and Java know 8883 alone.
    pub mqtt_port: u16,
    /// The port for HTTPS; 0 for a free one. The SDKs for C and Node know 443 alone.
    pub https_port: u16,
    /// How long an answer over MQTT waits after its request: the Java SDK misses one that comes within some
    /// milliseconds, while it is not yet listening.
    pub answer_delay: Duration,
    /// How long a device may take over a TLS handshake, its first packet or request, and the rest of each.
    pub timeout: Duration,
    /// How many connections may be open at once; fewer if the process may open fewer than twice as many files.
    /// Further ones wait, and after two seconds take the place of those that have shown no credential.
    pub connections: usize,
}

/// The stand-in for the provisioning service, running.
#[derive(Debug)]
pub struct Dps {
    mqtt: SocketAddr,
    https: SocketAddr,
    ca: PathBuf,
    service: Arc<Service>,
    stop: watch::Sender<()>,
    listeners: [JoinHandle<()>; 2],
}

// === impl DpsOptions ===

impl DpsOptions {
    /// The defaults: 127.0.0.1, port 8883 for MQTT and 8443 for HTTPS, answers after 55 ms, a timeout of 10 s,
    /// 4,096 connections.
    #[must_use]
    pub fn new(config: Config, state: PathBuf) -> Self {
        Self {
            config,
            service: ServiceOptions::default(),
            state,
            address: Ipv4Addr::LOCALHOST.into(),
            mqtt_port: 8883,
            https_port: 8443,
            answer_delay: Duration::from_millis(55),
            timeout: Duration::from_secs(10),
            connections: 4096,
        }
    }
}

// === impl Dps ===

impl Dps {
    /// Starts the stand-in. Devices can connect once this returns; it runs until [`Dps::stop`], or until it is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`DpsError`]; then nothing runs and no port is taken.
    pub async fn start(options: DpsOptions, journal: Journal) -> Result<Self, DpsError> {
        let certificate = Certificate::keep(&options.state, options.address, &journal)?;
        let ca = certificate.ca.clone();
        let acceptor = tls::acceptor(certificate, &options.state)?;
        let store = Store::open(&options.state).map_err(DpsError::Store)?;
        let (stop, stopped) = Stop::new();
        let (mqtt, mqtt_address) = listen(Mqtt::NAME, options.address, options.mqtt_port)?;
        let (https, https_address) = listen(Https::NAME, options.address, options.https_port)?;

        let body_limit = options.service.body_limit;
        let service =
            Service::new(options.config, options.service, store, journal.clone()).map_err(DpsError::Store)?;
        let seats = Seats::new(options.connections);
        if seats.free() < options.connections {
            journal.info(format!(
                "at most {} connections at once instead of {}: the system lets this process open no more files",
                seats.free(),
                options.connections
            ));
        }
        let journal = journal;
        let timeout = options.timeout;
        let listener = Listener { acceptor, ca: ca.clone(), seats, timeout, journal: journal.clone() };
        let mqtt_options = MqttOptions { answer_delay: options.answer_delay, timeout, body_limit };
        let speaks_mqtt = Mqtt::new(service.clone(), journal.clone(), mqtt_options);
        let speaks_https = Https::new(service.clone(), journal, body_limit, timeout);
        let listeners = [
            tokio::spawn(listener.clone().run(mqtt, speaks_mqtt, stopped.clone())),
            tokio::spawn(listener.run(https, speaks_https, stopped)),
        ];
        Ok(Self { mqtt: mqtt_address, https: https_address, ca, service, stop, listeners })
    }

    /// Where MQTT over TLS is spoken.
    #[must_use]
    pub fn mqtt_address(&self) -> SocketAddr {
        self.mqtt
    }

    /// Where HTTPS is spoken.
    #[must_use]
    pub fn https_address(&self) -> SocketAddr {
        self.https
    }

    /// The PEM file with the certificate of the certification authority, which devices are to trust.
    #[must_use]
    pub fn ca_certificate(&self) -> &Path {
        &self.ca
    }

    /// Ends all connections and registrations under way, and gives the ports back, within two seconds.
    pub async fn stop(self) {
        self.service.stop();
        drop(self.stop);
        let aborts = self.listeners.each_ref().map(JoinHandle::abort_handle);
        let ended = timeout(STOP, async {
            for listener in self.listeners {
                // A listener that failed has ended too.
                let _ = listener.await;
            }
        });
        if ended.await.is_err() {
            aborts.iter().for_each(AbortHandle::abort);
        }
    }
}

/// Listens on a port, for the protocol that `what` names.
fn listen(what: &'static str, address: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr), DpsError> {
    let address = SocketAddr::new(address, port);
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Elsewhere than on Unix this would let two processes share the port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        io::Result::Ok((listener, address))
    };
    listen().map_err(|error| DpsError::Listen(what, address, error))
}
