use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::http::{self, Response};

/// The two requests that the tutorial recorded.
pub const TOASTER: &str = include_str!("../fixtures/requests/contoso-toaster-007.json");
pub const HEAT_PUMP: &str = include_str!("../fixtures/requests/contoso-heatpump-088.json");

/// The hub that both may go to.
pub const HUB: &str = "contoso-toasters-hub-1098.azure-devices.net";

/// The first line of every invocation's log.
pub const PROCESSED: &str = "Rust HTTP trigger function processed a request.";

/// What the Functions host makes of a call with this body: <https://github.com/Azure/azure-functions-host>,
/// `src/WebJobs.Script/Extensions/HttpRequestExtensions.cs`.
pub fn of(body: &str) -> Value {
    json!({
        "Data": { "req": {
            "Url": "http://localhost:7071/api/HttpTrigger1",
            "Method": "POST",
            "Query": {},
            "Headers": {
                "Host": ["localhost:7071"],
                "Content-Type": ["application/json; charset=utf-8"],
                "Content-Length": [body.len().to_string()],
            },
            "Params": {},
            "Identities": [{
                "AuthenticationType": null, "IsAuthenticated": false, "Actor": null, "BootstrapContext": null,
                "Claims": [], "Label": null, "Name": null,
                "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
                "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
            }],
            "Body": body,
        } },
        "Metadata": {
            "Query": {},
            "Headers": { "Host": "localhost:7071" },
            "sys": {
                "MethodName": "HttpTrigger1",
                "UtcNow": "2020-09-23T11:44:37.505Z",
                "RandGuid": "4596d45e-086f-4e86-929b-4a02814eee40",
            },
        },
    })
}

/// A call as the host makes it, and the reply, which must be one that the host takes.
pub fn call(address: SocketAddr, envelope: &Value) -> Reply {
    Reply::of(&http::post(address, "/HttpTrigger1", HOST_HEADERS, envelope.to_string()))
}

/// The headers with which the host calls.
pub const HOST_HEADERS: &[(&str, &str)] = &[
    ("X-Azure-Functions-HostVersion", "4.1037.0.0"),
    ("X-Azure-Functions-InvocationId", "5853ee0f-0fa9-4ce8-b0a3-ae980100abb8"),
    ("User-Agent", "Azure-Functions-Host/4.1037.0.0"),
    ("Content-Type", "application/json; charset=utf-8"),
];

/// What a reply says.
#[derive(Debug, PartialEq)]
pub struct Reply {
    pub status: u64,
    pub content_type: String,
    pub body: String,
    pub log: Vec<String>,
}

impl Reply {
    /// Reads a response as strictly as the host's worst day: anything that it would make a bare 500 of,
    /// or wait for, or render differently, is a failed test.
    pub fn of(response: &Response) -> Self {
        assert_eq!(response.status, 200, "the host takes nothing but success: {response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
        assert_eq!(response.header("content-encoding"), None, "the host does not decompress: {response:?}");
        Self::of_json(&response.body)
    }

    pub fn of_json(json: &str) -> Self {
        let reply: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in {json}"));
        let members: Vec<&String> = reply.as_object().expect("a reply is an object").keys().collect();
        assert_eq!(members, ["Outputs", "Logs", "ReturnValue"], "{json}");
        assert_eq!(reply["ReturnValue"], Value::Null, "{json}");
        let res = reply["Outputs"]["res"].as_object().expect("res is an object");
        assert_eq!(res.keys().collect::<Vec<_>>(), ["statusCode", "headers", "body"], "{json}");
        let headers = res["headers"].as_object().expect("headers are an object");
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["Content-Type"], "{json}");
        let text =
            |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value} in {json}")).to_owned();
        Self {
            status: res["statusCode"].as_u64().expect("statusCode is a whole number"),
            content_type: text(&headers["Content-Type"]),
            body: text(&res["body"]),
            log: reply["Logs"].as_array().expect("Logs is an array").iter().map(text).collect(),
        }
    }
}
