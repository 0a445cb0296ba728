//! Who calls: the one `ClaimsIdentity` of a request.
//!
//! Rules: `AuthenticationLevelHandler.cs` and `FunctionInvocationMiddleware.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script.WebHost>.

use serde_json::{Value, json};

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Anonymous: a function of authLevel `anonymous`, called without a key.
    Anonymous,
    /// Any caller of a host that requires no keys, who counts as an administrator.
    Unchecked,
    /// Who has the function key of this name.
    Function(String),
    /// Who has the master key.
    Master,
}

impl Identity {
    /// The identity as the envelope has it.
    pub(crate) fn to_json(&self) -> Value {
        let claims = match self {
            Self::Anonymous => vec![],
            Self::Unchecked => vec![("authlevel", "Admin")],
            Self::Function(key) => vec![("authlevel", "Function"), ("invoke", "true"), ("keyid", key)],
            Self::Master => vec![("authlevel", "Admin"), ("invoke", "true"), ("keyid", "master")],
        };
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
            "Claims": claims.into_iter().map(claim).collect::<Vec<_>>(),
            "Label": null,
            "Name": null,
            "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
            "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        })
    }
}
