//! The app's folder, read as the host reads it: host.json, local.settings.json, every `*/function.json`.
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#application-structure>

pub(crate) mod file;
pub(crate) mod function;
mod functions;
mod handler;
mod host_json;
mod input;
pub(crate) mod route;
mod settings;

use std::net::SocketAddr;
use std::time::Duration;

use journal::Journal;

use crate::app::file::AppError;
use crate::app::function::Function;
use crate::app::handler::Handler;
use crate::app::host_json::HostJson;
use crate::options::HostOptions;

const INITIALIZATION: &str = "customHandler.initializationTimeout";

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) options: HostOptions,
    pub(crate) journal: Journal,
    /// What callers know the host as, such as `localhost:7071`.
    pub(crate) host_name: String,
    pub(crate) functions: Vec<Function>,
    /// What precedes every route, without slashes; usually `api`, possibly empty.
    pub(crate) route_prefix: String,
    pub(crate) mode: Mode,
    pub(crate) handler: Handler,
    pub(crate) function_timeout: Duration,
    pub(crate) initialization_timeout: Duration,
}

/// How calls reach the handler. Functions with other bindings than an HTTP trigger and output take the envelope.
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
    /// The app for a host that callers find `at` this address. What cannot be served is left out with a warning in the `journal`.
    pub(crate) fn read(options: HostOptions, journal: Journal, at: SocketAddr) -> Result<Self, AppError> {
        let root = std::path::absolute(&options.app).unwrap_or_else(|_| options.app.clone());
        let host = HostJson::read(root)?;
        let mut functions = functions::read(&host, &journal)?;
        functions::fill_inputs(&mut functions, &host.root, &options.inputs, &journal)?;

        let host_name = match at.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => format!("localhost:{}", at.port()),
            _ => at.to_string(),
        };
        let prefix = match host.has("extensions.http.routePrefix") {
            true => host.text("extensions.http.routePrefix")?.unwrap_or("").trim_matches('/'),
            false => "api",
        };
        let slash = if prefix.is_empty() { "" } else { "/" };
        for Function { url, route, .. } in &mut functions {
            *url = format!("http://{host_name}/{prefix}{slash}{}", route.text);
        }
        let forwarding = host.flag("customHandler.enableForwardingHttpRequest", false)?;
        let timeout = |option: Option<Duration>, path: &str, default: u64| {
            option.map_or_else(|| host.duration(path, Duration::from_secs(default)), Ok)
        };
        Ok(Self {
            host_name,
            functions,
            route_prefix: prefix.to_owned(),
            mode: match host.flag("customHandler.enableProxyingHttpRequest", false)? {
                true => Mode::Proxying,
                false if forwarding => Mode::Forwarding,
                false => Mode::Envelope,
            },
            function_timeout: timeout(options.function_timeout, "functionTimeout", 30 * 60)?,
            initialization_timeout: timeout(options.initialization_timeout, INITIALIZATION, 30)?,
            handler: Handler::read(host, &options.executable, &journal)?,
            options,
            journal,
        })
    }
}
