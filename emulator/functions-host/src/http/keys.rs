//! Function keys: who a caller is by the key that it gives.
//!
//! <https://learn.microsoft.com/azure/azure-functions/function-keys-how-to>

use hyper::header::HeaderMap;

use crate::app::function::AuthLevel;
use crate::invocation::identity::Identity;
use crate::options::FunctionKeys;

/// Who the caller is that sent `headers`, and `code` in its query; `None` if it may not call functions of this `level`.
/// Without `keys` every caller may.
pub(crate) fn identify(
    keys: Option<&FunctionKeys>,
    level: AuthLevel,
    headers: &HeaderMap,
    code: Option<&str>,
) -> Option<Identity> {
    // The header wins over the query.
    let header = headers.get("x-functions-key").map(|key| String::from_utf8_lossy(key.as_bytes()));
    let key = header.as_deref().or(code);
    let Some(keys) = keys else {
        let is_plain = key.is_none() && !headers.contains_key("x-ms-client-principal");
        let is_anonymous = level == AuthLevel::Anonymous && is_plain;
        return Some(if is_anonymous { Identity::Anonymous } else { Identity::Unchecked });
    };
    match (level, key.and_then(|key| owner(keys, key))) {
        (AuthLevel::Anonymous, None) => Some(Identity::Anonymous),
        (AuthLevel::Admin, owner) => owner.filter(|owner| *owner == Identity::Master),
        (_, owner) => owner,
    }
}

/// Whose `key` this is.
fn owner(keys: &FunctionKeys, key: &str) -> Option<Identity> {
    match keys.function.iter().find(|(_, other)| *other == key) {
        _ if key.is_empty() => None,
        _ if keys.master.as_deref() == Some(key) => Some(Identity::Master),
        found => found.map(|(name, _)| Identity::Function(name.clone())),
    }
}
