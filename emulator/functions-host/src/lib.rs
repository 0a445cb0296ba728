//! The stand-in for the Azure Functions host: runs an app's custom handler and serves its HTTP functions.
//!
//! A caller's request goes through `server` and `routes` to the `invoker`, which tells the handler of it: as
//! an envelope (`invocation`, `metadata`) whose `reply` it judges, as a copy (`forward`) or as a stream
//! (`proxy`). The `keeper` keeps the handler's `process` running; calls wait for it by its `worker`. The
//! `console` says what `func start` says. What the app's folder says is read once, by `app`.
//!
//! The protocol: <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>.
//!
//! # Simplified
//!
//! - A reply on which the real host hangs for its whole `functionTimeout` hangs for a few seconds, and the
//!   log names it ([`HostOptions::hang_limit`]).
//! - An executable that cannot be started ends the host at once; the real one waits two minutes for it.
//! - Headers that Kestrel does not know reach the handler in lower case, not in the caller's spelling.
//! - A body of more than 100 MiB is answered with 413.
//! - Redirects of the handler are followed to paths of its own alone.
//! - An output with invalid headers fails the call; the real host fails after it.
//! - What the handler started ends with the handler, unless it left its process group; the real host kills
//!   one process.
//!
//! # Absent
//!
//! Triggers and bindings other than HTTP (outputs of other kinds are dropped), the `httpWorker` section,
//! routes in host.json, retry policies, App Service authentication, CORS, `/admin`, `Accept-Charset`,
//! base64 in return values. A host that is killed with SIGKILL leaves its handler behind, as the real one does.

mod answer;
mod app;
mod body;
mod call;
mod client;
mod configuration;
mod console;
mod forward;
mod function;
mod header_names;
mod identity;
mod invocation;
mod invoker;
mod json_text;
mod keeper;
mod launch;
mod metadata;
mod newtonsoft;
mod options;
mod process;
#[cfg(test)]
mod properties;
mod proxy;
mod query;
mod reply;
mod routes;
mod server;
mod stall;
mod template;
mod worker;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;

pub use self::app::AppError;
pub use self::function::Function;
pub use self::options::{Executable, Framing, FunctionKeys, HostOptions};

use self::app::App;
use self::body::Bodies;
use self::client::HandlerClient;
use self::console::Console;
use self::invoker::Invoker;
use self::routes::Routes;
use self::server::Server;
use self::worker::{Limits, Worker};
use journal::Journal;

/// A running host. Dropping it kills the handler; [`FunctionsHost::stop`] also waits until it is gone.
#[derive(Debug)]
pub struct FunctionsHost {
    address: SocketAddr,
    functions: Vec<Function>,
    invoker: Arc<Invoker>,
    server: JoinHandle<()>,
}

/// Why a host could not be started.
#[derive(Debug)]
pub enum HostError {
    /// The app's folder has a mistake.
    App(AppError),
    /// Callers cannot be listened for at this address.
    Listen(SocketAddr, io::Error),
    /// The handler's executable cannot be started.
    Spawn(PathBuf, io::Error),
}

impl FunctionsHost {
    /// Reads the app, starts its handler and serves its functions. What happens is said in the `journal`.
    ///
    /// Returns as soon as callers can connect; calls wait until the handler is ready. A handler that starts
    /// and then fails is the host's affair, see [`FunctionsHost::stopped`].
    ///
    /// # Errors
    ///
    /// A mistake in the app's folder, an address that cannot be listened at, an executable that cannot be
    /// started.
    pub async fn start(options: HostOptions, journal: Journal) -> Result<Self, HostError> {
        let app = App::read(&options, &journal).map_err(HostError::App)?;
        let asked = SocketAddr::new(options.address, options.port);
        let not_listening = |error| HostError::Listen(asked, error);
        let listener = server::listen(asked).map_err(not_listening)?;
        let address = listener.local_addr().map_err(not_listening)?;
        let host_name = match address.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => format!("localhost:{}", address.port()),
            _ => address.to_string(),
        };
        let mut functions = app.functions;
        for function in &mut functions {
            function.locate(&host_name, &app.route_prefix);
        }

        let console = Console::new(journal, app.stderr_is_errors);
        console.functions(&functions);
        let executable = app.launch.executable.clone();
        let limits = Limits {
            initialization: app.initialization_timeout,
            strikes_forgiven_after: options.strikes_forgiven_after,
        };
        let worker = Worker::start(app.launch, host_name.clone(), limits, console.clone())
            .map_err(|error| HostError::Spawn(executable, error))?;
        let invoker = Arc::new(Invoker {
            client: HandlerClient::new(worker.address()),
            console,
            worker,
            bodies: Bodies::new(options.caller_timeout),
            mode: app.mode,
            framing: options.framing,
            function_timeout: app.function_timeout,
            hang_limit: options.hang_limit,
            host_name,
        });
        let routes = Routes::new(&app.route_prefix, functions.clone(), options.keys);
        let server =
            Arc::new(Server { routes, invoker: Arc::clone(&invoker), timeout: options.caller_timeout });
        Ok(Self { address, functions, invoker, server: tokio::spawn(server.serve(listener)) })
    }

    /// Where callers connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The functions that are served, by name.
    #[must_use]
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Waits until the handler is ready for calls. False if it has not become so in four times the
    /// initialization timeout, or if the host has given it up.
    pub async fn ready(&self) -> bool {
        self.invoker.worker.ready().await.is_some()
    }

    /// Resolves when the host has given up: the handler failed three times, or never became ready for a
    /// call. Callers are answered with 503 from then on.
    pub async fn stopped(&self) {
        self.invoker.worker.stopped().await;
    }

    /// Stops serving and kills the handler with SIGKILL, as the host does; returns when it is gone. Calls in
    /// flight are dropped.
    pub async fn stop(self) {
        self.server.abort();
        self.invoker.worker.stop().await;
    }
}

// === impl Drop, Error ===

impl Drop for FunctionsHost {
    fn drop(&mut self) {
        self.server.abort();
        self.invoker.worker.abort();
    }
}

impl std::error::Error for HostError {}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => error.fmt(f),
            Self::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            Self::Spawn(file, error) => write!(
                f,
                "Failed to start Worker Channel. Process fileName: {} (neither an executable file in the app's folder nor a command on PATH): {error}",
                file.display()
            ),
        }
    }
}
