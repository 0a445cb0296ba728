//! The app's folder, read as the host reads it: host.json, local.settings.json, every `*/function.json`.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#application-structure>

pub(crate) mod file;
pub(crate) mod function;
mod functions;
pub(crate) mod handler;
pub(crate) mod host_json;
pub(crate) mod input;
pub(crate) mod route;
pub(crate) mod settings;

use std::net::SocketAddr;
use std::time::Duration;

use journal::Journal;

use crate::app::file::AppError;
use crate::app::function::Function;
use crate::app::handler::Handler;
use crate::app::host_json::HostJson;
use crate::options::HostOptions;

const INITIALIZATION: &str = "customHandler.initializationTimeout";

/// An app, and how it is run.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) options: HostOptions,
    /// What the host and the handler log.
    pub(crate) journal: Journal,
    /// What callers know the host as, such as `localhost:7071`.
    pub(crate) host_name: String,
    /// Its functions, by name.
    pub(crate) functions: Vec<Function>,
    /// What precedes every route, without slashes; usually `api`, possibly empty.
    pub(crate) route_prefix: String,
    pub(crate) mode: Mode,
    pub(crate) handler: Handler,
    /// How long one call may take.
    pub(crate) function_timeout: Duration,
    /// How long the handler may take to its first answer.
    pub(crate) initialization_timeout: Duration,
}

/// How calls reach the handler. Functions with other bindings than one HTTP trigger and one HTTP output
/// always take the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As a JSON document that describes the call; the reply is one that describes the answer.
    Envelope,
    /// As a copy of the caller's request (`enableForwardingHttpRequest`).
    Forwarding,
    /// As the caller's request itself, streamed (`enableProxyingHttpRequest`).
    Proxying,
}

impl App {
    /// Reads the folder that `options` names, for a host that has no address yet. What the stand-in cannot serve is
    /// left out with a warning in the `journal`. The error is the first mistake in any of the files.
    pub(crate) fn read(options: HostOptions, journal: Journal) -> Result<Self, AppError> {
        let root = std::path::absolute(&options.app).unwrap_or_else(|_| options.app.clone());
        let settings = settings::read(&root.join("local.settings.json"))?;
        let host = HostJson::read(&root.join("host.json"), &settings)?;
        let mut functions = functions::read(&root, &host, &settings, &journal)?;
        functions::fill_inputs(&mut functions, &root, &options.inputs, &journal)?;

        let flag = |path: &str| host.flag(path).map(|flag| flag.unwrap_or(false));
        let forwarding = flag("customHandler.enableForwardingHttpRequest")?;
        let prefix = match host.has("extensions.http.routePrefix") {
            true => host.text("extensions.http.routePrefix")?.unwrap_or(""),
            false => "api",
        };
        let timeout = |option: Option<Duration>, path: &str, otherwise: u64| match option {
            Some(timeout) => Ok(timeout),
            None => Ok(host.duration(path)?.unwrap_or(Duration::from_secs(otherwise))),
        };
        Ok(Self {
            host_name: String::new(),
            functions,
            route_prefix: prefix.trim_matches('/').to_owned(),
            mode: match flag("customHandler.enableProxyingHttpRequest")? {
                true => Mode::Proxying,
                false if forwarding => Mode::Forwarding,
                false => Mode::Envelope,
            },
            function_timeout: timeout(options.function_timeout, "functionTimeout", 30 * 60)?,
            initialization_timeout: timeout(options.initialization_timeout, INITIALIZATION, 30)?,
            handler: Handler::read(&host, &root, settings, &options.executable, &journal)?,
            options,
            journal,
        })
    }

    /// Sets the address at which callers connect, and the functions' URLs.
    pub(crate) fn locate(&mut self, address: SocketAddr) {
        self.host_name = match address.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => format!("localhost:{}", address.port()),
            _ => address.to_string(),
        };
        let slash = if self.route_prefix.is_empty() { "" } else { "/" };
        for Function { url, route, .. } in &mut self.functions {
            *url = format!("http://{}/{}{slash}{}", self.host_name, self.route_prefix, route.text);
        }
    }
}
