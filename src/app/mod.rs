//! The function app's own files: which functions it has, and under which names and routes the host calls them.
//!
//! The host's rules: <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers> and
//! <https://github.com/Azure/azure-functions-host>, `src/WebJobs.Script`.

use std::path::Path;
use std::sync::Arc;

use crate::mistakes::Mistakes;

mod function_json;
mod host_json;
mod json;
mod route;

pub use self::function_json::Function;
use self::host_json::HostJson;
pub use self::route::Route;

/// The HTTP functions of an app.
#[derive(Clone, Debug)]
pub struct App {
    /// The functions, by name; at least one.
    pub functions: Vec<Arc<Function>>,
    /// Whether the host passes requests on as they are (`enableForwardingHttpRequest`, `enableProxyingHttpRequest`);
    /// `None` when `host.json` does not say.
    pub forwards: Option<bool>,
    /// Whether a function's name is also a path of a route, as with an empty prefix.
    shares_paths: bool,
}

/// What a `POST` at some path is.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// An invocation of this function, in the host's envelope.
    Envelope(&'a Arc<Function>),
    /// The caller's request as it is: forwarded or proxied by the host, or sent by hand.
    Raw,
    /// One or the other; its body decides.
    Either(&'a Arc<Function>),
}

// === impl App ===

impl App {
    /// Reads `host.json` and each `*/function.json` in `root`. An app without a `function.json` with an HTTP trigger,
    /// and without `customHandler.http.routes`, has the tutorial's function: `HttpTrigger1` with `req` and `res`.
    ///
    /// `variable` reads an environment variable: the host lets app settings override its file, and so does this.
    ///
    /// # Errors
    ///
    /// [`Mistakes`] for files that cannot be read or hold something else, each with its file and place.
    pub fn load(root: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let host = mistakes.keep(HostJson::load(root, variable)).unwrap_or_default();
        let mut functions = function_json::load_all(root, &host.route_prefix, &mut mistakes);
        if functions.is_empty() {
            functions = mistakes.keep(host.functions()).unwrap_or_default();
        }
        let functions: Vec<_> = functions.into_iter().map(Arc::new).collect();
        let is_route = |path: &str| functions.iter().any(|function| function.route.matches(path));
        let shares_paths = functions.iter().any(|function| is_route(&function.name));
        mistakes.or(Self { functions, forwards: host.forwards, shares_paths })
    }

    /// Whether there is an app in this folder: a `host.json`, or a function.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        host_json::is_in(folder) || function_json::names(folder).is_ok_and(|names| !names.is_empty())
    }

    /// Whether a function has an input binding of this name, besides its trigger.
    #[must_use]
    pub fn has_input(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.inputs.iter().any(|input| input == name))
    }

    /// What a `POST` at `path`, percent-encoded and without its slash in front, is; `None` when no function takes it.
    #[must_use]
    pub fn target(&self, path: &str) -> Option<Target<'_>> {
        let envelope = self.functions.iter().find(|function| function.name == path);
        if let (Some(function), false) = (envelope, self.shares_paths) {
            return Some(Target::Envelope(function));
        }
        match (envelope, self.functions.iter().any(|function| function.route.matches(path))) {
            (Some(function), true) => Some(Target::Either(function)),
            (Some(function), false) => Some(Target::Envelope(function)),
            (None, true) => Some(Target::Raw),
            (None, false) => None,
        }
    }

    /// Where the functions' callers reach them: `HttpTrigger1 at POST /api/HttpTrigger1`, with commas between them.
    #[must_use]
    pub fn routes(&self) -> String {
        let routes =
            self.functions.iter().map(|function| format!("{} at POST {}", function.name, function.route));
        routes.collect::<Vec<_>>().join(", ")
    }

    /// The functions' names, with commas between them.
    #[must_use]
    pub fn names(&self) -> String {
        self.functions.iter().map(|function| function.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}
