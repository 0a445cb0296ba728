//! The stand-in for the Azure Functions host: runs an app's custom handler and serves its HTTP functions.
//!
//! What it does not do, and what it does more simply: README.md beside Cargo.toml.
//! The protocol: <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>.
//!
//! # Map: each module uses those above it alone
//!
//! | module | what is in it |
//! |---|---|
//! | `options` | how to run the stand-in |
//! | `newtonsoft` | JSON as the host's library reads and prints it |
//! | `app` | the app's folder: `settings`, `host_json`, the `handler`'s description, the `functions`, each `function` with its `route` and `input`s |
//! | `worker` | the handler: its `process` with its `output`, `supervision`, and the `client` that connects to it |
//! | `invocation` | one call: `url`, `identity`, `call`, `envelope`, `metadata`, `reply`, `answer`; `forward`, `proxy`; its `execution` in the log |
//! | `http` | the server for callers, and its `routes` |
//!
//! # A call's path
//!
//! 1. `http` reads the head of the request; `http::routes` finds the function, and `invocation::identity` who
//!    calls. What comes out is an `invocation::call::Call`.
//! 2. `invocation` logs `Executing …` (`execution`), waits until the `worker` is ready, reads the body.
//! 3. `envelope` describes the call as JSON, with `metadata` and what its `input` bindings give, and is posted
//!    by `worker::client`. (`forward` and `proxy` send the request itself.)
//! 4. `reply` judges what comes back: the logs are written, and its output becomes the `answer`.
//! 5. `execution` logs `Executed …`, and the answer goes to the caller.

mod app;
mod http;
mod invocation;
mod newtonsoft;
mod options;
mod worker;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use journal::Journal;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use crate::app::file::AppError;
pub use crate::app::function::Function;
pub use crate::options::{Executable, Framing, FunctionKeys, HostOptions};

use crate::app::App;
use crate::worker::Worker;

/// A running host. Dropping it kills the handler; [`FunctionsHost::stop`] also waits until it is gone.
#[derive(Debug)]
pub struct FunctionsHost {
    address: SocketAddr,
    worker: Arc<Worker>,
    server: JoinHandle<()>,
}

/// Why a host could not be started.
#[derive(Debug, Error)]
pub enum HostError {
    /// The app's folder has a mistake.
    #[error(transparent)]
    App(#[from] AppError),
    /// Callers cannot be listened for at this address.
    #[error(
        "cannot listen at {0}: {1}{hint}",
        hint = hint(.1, ErrorKind::AddrInUse, "; end what listens there, such as another `func start`, or choose another --port")
    )]
    Listen(SocketAddr, io::Error),
    /// The handler's executable cannot be started.
    #[error(
        "Failed to start Worker Channel. Process fileName: {file}: {1}{hint}",
        file = .0.display(),
        hint = hint(.1, ErrorKind::PermissionDenied, " (the host in Azure lets callers wait for two minutes before it ends)")
    )]
    Spawn(PathBuf, io::Error),
}

fn hint<'a>(error: &io::Error, kind: ErrorKind, hint: &'a str) -> &'a str {
    if error.kind() == kind { hint } else { "" }
}

impl FunctionsHost {
    /// Reads the app, starts its handler and serves its functions. What happens is logged in the `journal`.
    ///
    /// Returns as soon as callers can connect; calls wait until the handler is ready. A handler that starts
    /// and then fails is started again or given up, see [`FunctionsHost::stopped`].
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub async fn start(options: HostOptions, journal: Journal) -> Result<Self, HostError> {
        let wanted = SocketAddr::new(options.address, options.port);
        let not_listening = |error| HostError::Listen(wanted, error);
        let listener = TcpListener::bind(wanted).await.map_err(not_listening)?;
        let address = listener.local_addr().map_err(not_listening)?;
        let app = Arc::new(App::read(options, journal, address)?);
        app.journal.info(list(&app.functions));
        let not_started = |error| HostError::Spawn(app.handler.executable.clone(), error);
        let worker = Arc::new(Worker::start(Arc::clone(&app)).map_err(not_started)?);
        let server = tokio::spawn(http::serve(listener, Arc::clone(&worker)));
        Ok(Self { address, worker, server })
    }

    /// Where callers connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The functions that are served, by name.
    #[must_use]
    pub fn functions(&self) -> &[Function] {
        &self.worker.app.functions
    }

    /// Waits until the handler is ready for calls. False if it has not become so in four times the
    /// initialization timeout, or if the host has given it up.
    pub async fn ready(&self) -> bool {
        self.worker.ready().await.is_some()
    }

    /// Resolves when the host has given up: the handler failed three times, or never became ready for a
    /// call. Callers are answered with 503 from then on.
    pub async fn stopped(&self) {
        self.worker.stopped().await;
    }

    /// Stops serving and kills the handler with SIGKILL, as the host does; returns when it is gone. Calls in
    /// flight are dropped.
    pub async fn stop(self) {
        self.server.abort();
        self.worker.stop().await;
    }
}

/// The list of `functions` with their methods and addresses, as `func start` prints it
/// (`DisplayFunctionsInfoUtilities.cs` in <https://github.com/Azure/azure-functions-core-tools>).
fn list(functions: &[Function]) -> String {
    let line = |Function { name, methods, url, .. }: &Function| match methods.join(",") {
        methods if methods.is_empty() => format!("\n\t{name}: {url}\n"),
        methods => format!("\n\t{name}: [{methods}] {url}\n"),
    };
    format!("\nFunctions:\n{}", functions.iter().map(line).collect::<String>())
}

impl Drop for FunctionsHost {
    fn drop(&mut self) {
        self.server.abort();
        self.worker.abort();
    }
}
