//! Which function a request is for, and whether its caller may call it.
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#customize-the-http-endpoint>

use hyper::StatusCode;
use hyper::http::request::Parts;
use uuid::Uuid;

use crate::app::App;
use crate::app::function::Function;
use crate::app::route::Parameters;
use crate::invocation::call::Call;
use crate::invocation::identity;
use crate::invocation::url::{self, Query};

/// The place of the function in the `app`, and the call; or the status for the caller, and the reason for the log.
pub(crate) fn find(app: &App, parts: Parts) -> Result<(usize, Call), (StatusCode, String)> {
    let path = url::decoded_path(parts.uri.path());
    let below = below_prefix(&app.route_prefix, path.trim_matches('/'));
    let answers = |function: &Function| -> Option<Parameters> {
        let is_method = |method: &String| method.eq_ignore_ascii_case(parts.method.as_str());
        let is_allowed = function.methods.is_empty() || function.methods.iter().any(is_method);
        function.route.matches(below.filter(|_| is_allowed)?)
    };
    let functions = app.functions.iter().enumerate();
    let found = functions
        .filter_map(|(nth, function)| Some((nth, function, answers(function)?)))
        .min_by_key(|(_, function, _)| &function.route.precedence);
    let Some((nth, function, parameters)) = found else {
        let reason = format!("no function answers to {} {}", parts.method, parts.uri.path());
        return Err((StatusCode::NOT_FOUND, reason));
    };
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let code = query.first("code");
    match identity::claims(app.options.keys.as_ref(), function.level, &parts.headers, code) {
        Some(claims) => Ok((nth, Call { id: Uuid::new_v4(), query, parameters, claims, parts })),
        None => {
            let path = parts.uri.path();
            let reason = format!("{path} needs a key, and the caller's is missing or wrong");
            Err((StatusCode::UNAUTHORIZED, reason))
        }
    }
}

fn below_prefix<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    if prefix.is_empty() {
        return Some(path);
    }
    let (start, below) = path.split_at_checked(prefix.len())?;
    let is_prefix = start.eq_ignore_ascii_case(prefix) && (below.is_empty() || below.starts_with('/'));
    is_prefix.then(|| below.strip_prefix('/').unwrap_or(below))
}
