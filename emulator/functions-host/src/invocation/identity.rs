//! Who calls, by the function key that is given: the one `ClaimsIdentity` of a request.
//! <https://learn.microsoft.com/azure/azure-functions/function-keys-how-to>; the exact rules:
//! `AuthenticationLevelHandler.cs` and `FunctionInvocationMiddleware.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script.WebHost>.

use hyper::header::HeaderMap;
use serde_json::{Value, json};

use crate::app::function::AuthLevel;
use crate::options::FunctionKeys;

/// A caller's claims, by the ends of their types; none for an anonymous one.
pub(crate) type Claims = Vec<(&'static str, String)>;

/// The claims of a caller, `None` if it may not call functions of this `level`. Without `keys` every caller may.
pub(crate) fn claims(
    keys: Option<&FunctionKeys>,
    level: AuthLevel,
    headers: &HeaderMap,
    code: Option<&str>,
) -> Option<Claims> {
    // The header wins over the query.
    let header = headers.get("x-functions-key").map(|key| String::from_utf8_lossy(key.as_bytes()));
    let key = header.as_deref().or(code);
    let Some(keys) = keys else {
        let is_plain = key.is_none() && !headers.contains_key("x-ms-client-principal");
        let is_anonymous = level == AuthLevel::Anonymous && is_plain;
        return Some(if is_anonymous { vec![] } else { vec![("authlevel", "Admin".to_owned())] });
    };
    let key = key.filter(|key| !key.is_empty());
    let is_master = key.is_some() && key == keys.master.as_deref();
    let name = match keys.function.iter().find(|(_, other)| Some(other.as_str()) == key) {
        _ if is_master => "master",
        Some((name, _)) if level != AuthLevel::Admin => name,
        None if level == AuthLevel::Anonymous => return Some(vec![]),
        Some(_) | None => return None,
    };
    let level = if is_master { "Admin" } else { "Function" };
    Some(vec![("authlevel", level.to_owned()), ("invoke", "true".to_owned()), ("keyid", name.to_owned())])
}

pub(crate) fn identity(claims: &Claims) -> Value {
    let claim = |(name, value): &(&str, String)| {
        json!({
            "Issuer": "LOCAL AUTHORITY", "OriginalIssuer": "LOCAL AUTHORITY", "Properties": {},
            "Type": format!("http://schemas.microsoft.com/2017/07/functions/claims/{name}"),
            "Value": value,
            "ValueType": "http://www.w3.org/2001/XMLSchema#string",
        })
    };
    json!({
        "AuthenticationType": (!claims.is_empty()).then_some("WebJobsAuthLevel"),
        "IsAuthenticated": !claims.is_empty(),
        "Actor": null, "BootstrapContext": null,
        "Claims": claims.iter().map(claim).collect::<Value>(),
        "Label": null, "Name": null,
        "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    })
}
