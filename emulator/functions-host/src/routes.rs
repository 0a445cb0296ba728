//! Which function a request is for, and whether its caller may call it.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#customize-the-http-endpoint>
//! and <https://learn.microsoft.com/azure/azure-functions/function-keys-how-to>.

use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use subtle::ConstantTimeEq as _;

use super::call;
use super::function::{AuthLevel, Function};
use super::identity::Identity;
use super::options::FunctionKeys;
use super::query::Query;
use super::template::Parameters;

/// The functions by their routes.
#[derive(Debug)]
pub(super) struct Routes {
    prefix: String,
    /// In the order in which they are tried.
    functions: Vec<Function>,
    keys: Option<FunctionKeys>,
}

/// Where a request leads.
#[derive(Debug)]
pub(super) enum Route<'a> {
    /// To a function.
    Function { function: &'a Function, parameters: Parameters, query: Query, identity: Identity },
    /// To the host's own page.
    Welcome,
    /// Nowhere: no such route, or not with this method.
    NotFound,
    /// To a function that the caller has no key for.
    Unauthorized,
}

impl Routes {
    /// The routes to `functions` below `prefix`, guarded by `keys`.
    pub(super) fn new(prefix: &str, mut functions: Vec<Function>, keys: Option<FunctionKeys>) -> Self {
        functions.sort_by(|one, other| {
            match (one.route.precedes(&other.route), other.route.precedes(&one.route)) {
                (true, _) => std::cmp::Ordering::Less,
                (_, true) => std::cmp::Ordering::Greater,
                _ => one.name.cmp(&other.name),
            }
        });
        Self { prefix: prefix.to_owned(), functions, keys }
    }

    /// Where the request `parts` leads.
    pub(super) fn find(&self, parts: &Parts) -> Route<'_> {
        let path = parts.uri.path().trim_start_matches('/').trim_end_matches('/');
        if path.is_empty() && parts.method == hyper::Method::GET {
            return Route::Welcome;
        }
        let Some(below) = self.below_prefix(path) else { return Route::NotFound };
        let method = parts.method.as_str();
        let allows = |function: &Function| {
            function.methods.is_empty()
                || function.methods.iter().any(|allowed| allowed.eq_ignore_ascii_case(method))
        };
        let found = self.functions.iter().filter(|function| allows(function));
        let Some((function, parameters)) =
            found.filter_map(|function| Some((function, function.route.matches(below)?))).next()
        else {
            return Route::NotFound;
        };
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        match self.identify(function, &parts.headers, &query) {
            Some(identity) => Route::Function { function, parameters, query, identity },
            None => Route::Unauthorized,
        }
    }

    fn below_prefix<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() {
            return Some(path);
        }
        let (start, below) = path.split_at_checked(self.prefix.len())?;
        match below.strip_prefix('/') {
            _ if !start.eq_ignore_ascii_case(&self.prefix) => None,
            None if !below.is_empty() => None,
            below => Some(below.unwrap_or_default()),
        }
    }

    /// Who the caller is; `None` if the caller may not call `function`.
    fn identify(&self, function: &Function, headers: &HeaderMap, query: &Query) -> Option<Identity> {
        // The header wins over the query.
        let header = headers.get("x-functions-key").map(|key| String::from_utf8_lossy(key.as_bytes()));
        let key = header.as_deref().or(query.first("code"));
        let is_open = function.level == AuthLevel::Anonymous;
        let Some(keys) = &self.keys else {
            let is_plain = is_open && key.is_none() && call::text(headers, CLIENT_PRINCIPAL).is_none();
            return Some(if is_plain { Identity::Anonymous } else { Identity::Unchecked });
        };
        let owner = key.and_then(|key| owner(keys, key));
        match (function.level, owner) {
            (AuthLevel::Anonymous, None) => Some(Identity::Anonymous),
            (AuthLevel::Admin, owner) => owner.filter(|owner| *owner == Identity::Master),
            (_, owner) => owner,
        }
    }
}

const CLIENT_PRINCIPAL: hyper::header::HeaderName =
    hyper::header::HeaderName::from_static("x-ms-client-principal");

/// Whose `key` this is. Takes as long for a wrong key as for a right one.
fn owner(keys: &FunctionKeys, key: &str) -> Option<Identity> {
    let is_key = |other: &str| bool::from(other.as_bytes().ct_eq(key.as_bytes()));
    let mut owner = keys.master.as_deref().filter(|master| is_key(master)).map(|_| Identity::Master);
    for (name, function_key) in &keys.function {
        if is_key(function_key) && owner.is_none() {
            owner = Some(Identity::Function(name.clone()));
        }
    }
    owner.filter(|_| !key.is_empty())
}
