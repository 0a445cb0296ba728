//! The stand-in's own options. The app's settings are in the app's folder.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// How to run the stand-in. [`HostOptions::new`] gives what `func start` does.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The app's folder: the one that holds `host.json`.
    pub app: PathBuf,
    /// Where callers connect. Loopback by default, as in Core Tools since 4.14.
    pub address: IpAddr,
    /// The port callers connect to; 0 takes a free one. `func start` takes 7071.
    pub port: u16,
    /// How the body of a request to the handler is delimited.
    pub framing: Framing,
    /// The keys of the functions. `None` accepts every caller, as `func start` does without `--enableAuth`.
    pub keys: Option<FunctionKeys>,
    /// Which executable is run as the handler.
    pub executable: Executable,
    /// CSV files by the name of the input binding that they fill. A row is found by its first column.
    pub inputs: BTreeMap<String, PathBuf>,
    /// How long one call may take. `None` takes host.json's `functionTimeout`, and 30 minutes without it.
    /// <https://learn.microsoft.com/azure/azure-functions/functions-host-json#functiontimeout>
    pub function_timeout: Option<Duration>,
    /// How long a call hangs whose reply was empty or `null`. The real host: for the whole `functionTimeout`.
    pub hang_limit: Duration,
    /// How long the handler may take from its start to its first answer. `None` takes host.json's
    /// `customHandler.initializationTimeout`, and 30 seconds without it. Calls wait four times as long.
    pub initialization_timeout: Option<Duration>,
    /// How long a caller may take for the head of a request (idle time before it included) and for its body.
    /// Kestrel lets a connection idle for 130 seconds.
    pub caller_timeout: Duration,
    /// How long a failure of the handler counts towards the third, which ends the host. The real host: 30 minutes.
    pub failures_count_for: Duration,
}

/// Which executable is run as the handler. A relative path is looked for in the app's folder, a name that is
/// not there on `PATH`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Executable {
    /// The one that host.json names, `defaultExecutablePath`.
    #[default]
    Named,
    /// The one that host.json names. A mere name that is not in the app's folder is looked for in this folder, such
    /// as that of a build, before `PATH`, with a warning in the log.
    NamedOrIn(PathBuf),
    /// This one, whatever host.json names, as with the app setting
    /// `AzureFunctionsJobHost__customHandler__description__defaultExecutablePath`.
    This(PathBuf),
}

/// How the body of a request to the handler is delimited. A handler has to understand both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`, as under `func start`, where `FUNCTIONS_CORETOOLS_ENVIRONMENT` is set.
    #[default]
    ContentLength,
    /// `Transfer-Encoding: chunked`, as in Azure, without that variable.
    Chunked,
}

/// The keys of an app's functions. Secrets: `Debug` shows their names alone.
/// <https://learn.microsoft.com/azure/azure-functions/function-keys-how-to>
#[derive(Clone, Default)]
pub struct FunctionKeys {
    /// Function keys by name; each opens functions of authLevel `function`.
    pub function: BTreeMap<String, String>,
    /// The master key, which opens all functions, those of authLevel `admin` included.
    pub master: Option<String>,
}

impl HostOptions {
    /// The options of `func start --port 0` in the folder `app`.
    #[must_use]
    pub fn new(app: impl Into<PathBuf>) -> Self {
        Self {
            app: app.into(),
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            framing: Framing::default(),
            keys: None,
            executable: Executable::default(),
            inputs: BTreeMap::new(),
            function_timeout: None,
            hang_limit: Duration::from_secs(5),
            initialization_timeout: None,
            caller_timeout: Duration::from_secs(130),
            failures_count_for: Duration::from_secs(30 * 60),
        }
    }
}

impl FunctionKeys {
    /// One function key, named `default` as Azure names the first.
    #[must_use]
    pub fn with_default(key: impl Into<String>) -> Self {
        Self { function: BTreeMap::from([("default".to_owned(), key.into())]), master: None }
    }
}

impl fmt::Debug for FunctionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let master = self.master.as_ref().map(|_| "master");
        f.debug_set().entries(self.function.keys().map(String::as_str).chain(master)).finish()
    }
}
