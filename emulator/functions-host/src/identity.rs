//! Who calls, as the host tells the handler: the one `ClaimsIdentity` of a request.
//!
//! Rules: `AuthenticationLevelHandler.cs` and `FunctionInvocationMiddleware.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script.WebHost>.

use serde::{Serialize, Serializer};
use serde_json::json;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Anonymous: a function of authLevel `anonymous`, called without a key.
    Anonymous,
    /// Any caller of a host that requires no keys, which makes everybody an administrator.
    Unchecked,
    /// Who has the function key of this name.
    Function(String),
    /// Who has the master key.
    Master,
}

impl Identity {
    /// The claims: names (the last part of their types) and values.
    fn claims(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Anonymous => Vec::new(),
            Self::Unchecked => vec![("authlevel", "Admin")],
            Self::Function(key) => vec![("authlevel", "Function"), ("invoke", "true"), ("keyid", key)],
            Self::Master => vec![("authlevel", "Admin"), ("invoke", "true"), ("keyid", "master")],
        }
    }
}

// === impl Serialize ===

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let claim = |(name, value): (&str, &str)| {
            json!({
                "Issuer": "LOCAL AUTHORITY",
                "OriginalIssuer": "LOCAL AUTHORITY",
                "Properties": {},
                "Type": format!("http://schemas.microsoft.com/2017/07/functions/claims/{name}"),
                "Value": value,
                "ValueType": "http://www.w3.org/2001/XMLSchema#string",
            })
        };
        let known = *self != Self::Anonymous;
        json!({
            "AuthenticationType": known.then_some("WebJobsAuthLevel"),
            "IsAuthenticated": known,
            "Actor": null,
            "BootstrapContext": null,
            "Claims": self.claims().into_iter().map(claim).collect::<Vec<_>>(),
            "Label": null,
            "Name": null,
            "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
            "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        })
        .serialize(serializer)
    }
}
