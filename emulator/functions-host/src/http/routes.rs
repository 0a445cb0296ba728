//! Which function a request is for, and whether its caller may call it.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#customize-the-http-endpoint>

use std::sync::Arc;

use hyper::http::request::Parts;

use crate::app::App;
use crate::app::function::Function;
use crate::app::route::Parameters;
use crate::http::keys;
use crate::invocation::identity::Identity;
use crate::invocation::url::{self, Query};

/// The functions of an app by their routes.
#[derive(Debug)]
pub(crate) struct Routes {
    app: Arc<App>,
    /// Places in the app's functions, in the order in which they are tried.
    order: Vec<usize>,
}

/// Where a request leads.
#[derive(Debug)]
pub(crate) enum Destination {
    /// To the function at this place in the app.
    Function { function: usize, parameters: Parameters, query: Query, identity: Identity },
    /// To the host's own page.
    Welcome,
    /// Nowhere: no such route, or not with this method.
    NotFound,
    /// To a function that the caller has no key for.
    Unauthorized,
}

impl Routes {
    /// The routes of `app`.
    pub(crate) fn new(app: &Arc<App>) -> Self {
        let mut order: Vec<usize> = (0..app.functions.len()).collect();
        order.sort_by_key(|&nth| &app.functions[nth].route.precedence);
        Self { app: Arc::clone(app), order }
    }

    /// Where the request `parts` leads.
    pub(crate) fn find(&self, parts: &Parts) -> Destination {
        let path = url::decoded_path(parts.uri.path());
        let path = path.trim_matches('/');
        let method = parts.method.as_str();
        let leads = |function: &Function, below: &str| {
            let mut methods = function.methods.iter();
            let is_allowed =
                function.methods.is_empty() || methods.any(|allowed| allowed.eq_ignore_ascii_case(method));
            if is_allowed { function.route.matches(below) } else { None }
        };
        let mut found = self.below_prefix(path).into_iter().flat_map(|below| {
            self.order.iter().filter_map(move |&nth| Some((nth, leads(&self.app.functions[nth], below)?)))
        });
        let Some((function, parameters)) = found.next() else {
            let is_root = path.is_empty() && parts.method == hyper::Method::GET;
            return if is_root { Destination::Welcome } else { Destination::NotFound };
        };
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        match keys::identify(
            self.app.options.keys.as_ref(),
            self.app.functions[function].level,
            &parts.headers,
            query.first("code"),
        ) {
            Some(identity) => Destination::Function { function, parameters, query, identity },
            None => Destination::Unauthorized,
        }
    }

    fn below_prefix<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.app.route_prefix.is_empty() {
            return Some(path);
        }
        let (start, below) = path.split_at_checked(self.app.route_prefix.len())?;
        match below.strip_prefix('/') {
            _ if !start.eq_ignore_ascii_case(&self.app.route_prefix) => None,
            None if !below.is_empty() => None,
            below => Some(below.unwrap_or_default()),
        }
    }
}
