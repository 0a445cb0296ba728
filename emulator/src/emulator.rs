//! Both stand-ins at once, the webhook of one served by the other.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use devices::{Endpoint, HostPort, Transport};
use functions_host::{Executable, FunctionKeys, FunctionsHost, HostError, HostOptions};
use journal::Journal;
use provisioning_service::{Config, Dps, DpsError, DpsOptions, Mistake, ServiceOptions};
use thiserror::Error;
use uuid::Uuid;

use crate::contoso;

/// What both stand-ins are started with. They listen on the loopback address; port 0 is a free one.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of the function app, the one with `host.json` in it.
    pub app: PathBuf,
    /// Which executable of the app is run as the handler.
    pub executable: Executable,
    /// The CSV files that fill input bindings of the functions, by the binding's name.
    pub inputs: BTreeMap<String, PathBuf>,
    /// The folder in which the DPS stand-in keeps its certificates and assignments.
    pub state: PathBuf,
    /// The hubs that the enrollment group's devices may be assigned to: host names, at least one.
    pub hubs: Vec<String>,
    /// The port of the Functions host.
    pub functions_port: u16,
    /// The port of DPS for MQTT over TLS.
    pub mqtt_port: u16,
    /// The ports of DPS for HTTPS, of which the first that is available is used.
    pub https_ports: Vec<u16>,
    /// Seconds that a device is asked to wait before it polls.
    pub retry_after: u64,
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
    Host(#[from] HostError),
    /// The handler runs and does not answer.
    #[error("the handler does not answer; the log of the Functions host says why")]
    Handler,
    /// The app has no function with the webhook's name; it has these, separated by commas.
    #[error("expected a function {expected} in the app, to be the webhook, found: {0}", expected = contoso::FUNCTION)]
    Function(String),
    /// The configuration of the DPS stand-in is wrong: an invalid hub.
    #[error("no hubs to assign devices to: {0}")]
    Config(String),
    /// The DPS stand-in did not start.
    #[error(transparent)]
    Dps(#[from] DpsError),
}

impl Emulator {
    /// Starts the Functions host, waits until its handler answers, and starts DPS. Each logs to its journal.
    ///
    /// # Errors
    ///
    /// See [`EmulatorError`]; then nothing is left running.
    pub async fn start(settings: Settings, functions: Journal, dps: Journal) -> Result<Self, EmulatorError> {
        let key = Uuid::new_v4().simple().to_string();
        let options = HostOptions {
            port: settings.functions_port,
            executable: settings.executable,
            keys: Some(FunctionKeys::with_default(&key)),
            inputs: settings.inputs.clone(),
            ..HostOptions::new(settings.app)
        };
        let host = FunctionsHost::start(options, functions).await?;
        if !host.ready().await {
            return Err(EmulatorError::Handler);
        }
        let Some(function) = host.functions().iter().find(|function| function.name == contoso::FUNCTION)
        else {
            let names: Vec<&str> = host.functions().iter().map(|function| &*function.name).collect();
            return Err(EmulatorError::Function(names.join(", ")));
        };
        let webhook_url = format!("{}?code={key}", function.url);
        let config = Config::parse(&contoso::configuration(&settings.hubs, &webhook_url));
        let options = DpsOptions {
            mqtt_port: settings.mqtt_port,
            https_ports: settings.https_ports,
            service: ServiceOptions { retry_after: settings.retry_after, ..ServiceOptions::default() },
            ..DpsOptions::new(config.map_err(invalid_hubs)?, settings.state)
        };
        let dps = Dps::start(options, dps).await?;
        Ok(Self { host, dps })
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
        Endpoint::new(host, transport, Some(self.dps.ca_certificate()))
    }

    /// Ends both, the handler too.
    pub async fn stop(self) {
        tokio::join!(self.host.stop(), self.dps.stop());
    }
}

fn invalid_hubs(mistakes: Vec<Mistake>) -> EmulatorError {
    // A hub is named twice in the configuration, as linked and in the enrollment group.
    let problems: BTreeSet<String> = mistakes.into_iter().map(|mistake| mistake.problem).collect();
    EmulatorError::Config(Vec::from_iter(problems).join("; "))
}
