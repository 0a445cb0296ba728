//! Both stand-ins at once, the webhook of one served by the other.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use devices::{Endpoint, HostPort, Transport, trust};
use functions_host::{Executable, FunctionKeys, FunctionsHost, HostError, HostOptions};
use journal::Journal;
use provisioning_service::{Config, Dps, DpsError, DpsOptions, Mistake, ServiceOptions};
use thiserror::Error;
use uuid::Uuid;

use crate::contoso;

/// What both stand-ins are started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of the function app, the one with `host.json` in it.
    pub app: PathBuf,
    /// Which executable of the app is run as the handler.
    pub executable: Executable,
    /// The folder in which the DPS stand-in keeps its certificates and assignments.
    pub state: PathBuf,
    /// The hubs that the enrollment group's devices may be assigned to: host names, at least one.
    pub hubs: Vec<String>,
    /// Where to listen.
    pub ports: Ports,
    /// Seconds that a device is asked to wait before it polls.
    pub retry_after: u64,
}

/// Ports on the loopback address; 0 takes a free one.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Of the Functions host.
    pub functions: u16,
    /// Of DPS, MQTT over TLS.
    pub mqtt: u16,
    /// Of DPS, HTTPS: the first that is available.
    pub https: Vec<u16>,
}

/// Both stand-ins, connected as in the tutorial: an enrollment group whose custom allocation policy
/// is a function of the app, called with a function key.
#[derive(Debug)]
pub struct Emulator {
    /// The Functions host.
    pub host: FunctionsHost,
    /// The Device Provisioning Service.
    pub dps: Dps,
}

/// Why the stand-ins could not be started.
#[derive(Debug, Error)]
pub enum EmulatorError {
    /// The Functions host did not start.
    #[error(transparent)]
    Host(HostError),
    /// The handler runs and does not answer.
    #[error("the handler does not answer; the log of the Functions host says why")]
    Handler,
    /// The app has no function with the webhook's name; it has these.
    #[error("expected a function {expected} in the app, to be the webhook, found: {found}", expected = contoso::FUNCTION, found = listed(.0))]
    Function(Vec<String>),
    /// The configuration of the DPS stand-in is wrong: an invalid hub.
    #[error("no hubs to assign devices to: {}", problems(.0))]
    Config(Vec<Mistake>),
    /// The DPS stand-in did not start.
    #[error(transparent)]
    Dps(DpsError),
}

// === impl Ports ===

impl Default for Ports {
    /// Free ports.
    fn default() -> Self {
        Self { functions: 0, mqtt: 0, https: vec![0] }
    }
}

// === impl Emulator ===

impl Emulator {
    /// Starts the Functions host, waits until its handler answers, and starts DPS. Each logs to its journal.
    ///
    /// # Errors
    ///
    /// See [`EmulatorError`]; then nothing is left running.
    pub async fn start(settings: Settings, functions: Journal, dps: Journal) -> Result<Self, EmulatorError> {
        let key = Uuid::new_v4().simple().to_string();
        let options = HostOptions {
            port: settings.ports.functions,
            executable: settings.executable.clone(),
            keys: Some(FunctionKeys::with_default(&key)),
            ..HostOptions::new(&settings.app)
        };
        let host = FunctionsHost::start(options, functions).await.map_err(EmulatorError::Host)?;
        match start_dps(settings, &host, &key, dps).await {
            Ok(dps) => Ok(Self { host, dps }),
            Err(error) => {
                host.stop().await;
                Err(error)
            }
        }
    }

    /// Where devices register over `transport`, and whom they have to trust.
    ///
    /// # Errors
    ///
    /// The certificate of the DPS stand-in's authority cannot be read.
    pub fn endpoint(&self, transport: Transport) -> io::Result<Endpoint> {
        let address = match transport {
            Transport::Mqtt => self.dps.mqtt_address(),
            Transport::Https => self.dps.https_address(),
        };
        let host = HostPort { host: address.ip().to_string(), port: Some(address.port()) };
        Ok(Endpoint { host, transport, tls: trust::client_config(Some(self.dps.ca_certificate()))? })
    }

    /// Ends both, the handler too.
    pub async fn stop(self) {
        tokio::join!(self.host.stop(), self.dps.stop());
    }
}

async fn start_dps(
    settings: Settings,
    host: &FunctionsHost,
    key: &str,
    journal: Journal,
) -> Result<Dps, EmulatorError> {
    if !host.ready().await {
        return Err(EmulatorError::Handler);
    }
    let functions = host.functions();
    let Some(function) = functions.iter().find(|function| function.name == contoso::FUNCTION) else {
        return Err(EmulatorError::Function(
            functions.iter().map(|function| function.name.clone()).collect(),
        ));
    };
    let webhook_url = format!("{}?code={key}", function.url);
    let config = Config::parse(&contoso::configuration(&settings.hubs, &webhook_url));
    let options = DpsOptions {
        mqtt_port: settings.ports.mqtt,
        https_ports: settings.ports.https,
        service: ServiceOptions { retry_after: settings.retry_after, ..ServiceOptions::default() },
        ..DpsOptions::new(config.map_err(EmulatorError::Config)?, settings.state)
    };
    Dps::start(options, journal).await.map_err(EmulatorError::Dps)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn problems(mistakes: &[Mistake]) -> String {
    // A hub is named twice in the configuration, as linked and in the enrollment group.
    let problems: BTreeSet<&str> = mistakes.iter().map(|mistake| &*mistake.problem).collect();
    problems.into_iter().collect::<Vec<_>>().join("; ")
}
