//! The envelope: the JSON document by which the host tells the handler of a call.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#request-payload>; the exact
//! shape: `HttpRequestExtensions.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers>.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::HeaderMap;
use serde::{Serialize, Serializer};

use super::call::Call;
use super::function::Function;
use super::header_names::canonical;
use super::identity::Identity;
use super::metadata::{self, Entry};

/// Members of a JSON object in their order.
#[derive(Debug)]
pub(super) struct Members<'a, V>(pub(super) Vec<(Cow<'a, str>, V)>);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    data: Members<'a, RequestData<'a>>,
    metadata: Members<'a, Entry<'a>>,
}

/// The call as `Data.<name of the trigger>`. The order of the members is the host's.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RequestData<'a> {
    url: String,
    method: &'a str,
    query: Members<'a, String>,
    headers: Members<'a, Vec<Cow<'a, str>>>,
    params: Members<'a, Option<&'a str>>,
    identities: [&'a Identity; 1],
    /// Always text, if there is a body; never parsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

/// The envelope for `call` of `function` with `body`, on a host that callers know as `host_name`.
///
/// # Errors
///
/// Why it cannot be written.
pub(super) fn envelope(
    call: &Call,
    function: &Function,
    body: &Bytes,
    host_name: &str,
) -> serde_json::Result<Bytes> {
    let body = call.body(body);
    let request = RequestData {
        url: call.url(host_name),
        method: call.parts.method.as_str(),
        query: Members(call.query.joined().map(|(name, value)| (name.into(), value)).collect()),
        headers: Members(headers(&call.parts.headers)),
        params: Members(
            call.parameters.iter().map(|(name, value)| (name.into(), value.as_deref())).collect(),
        ),
        identities: [&call.identity],
        body: body.as_deref(),
    };
    let envelope = Envelope {
        metadata: Members(metadata::entries(call, function, body.as_deref())),
        data: Members(vec![(function.trigger.as_str().into(), request)]),
    };
    serde_json::to_vec(&envelope).map(Bytes::from)
}

/// Each header's name in the host's spelling, with its values.
pub(super) fn headers(headers: &HeaderMap) -> Vec<(Cow<'_, str>, Vec<Cow<'_, str>>)> {
    let values =
        |name| headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    headers.keys().map(|name| (canonical(name.as_str()).into(), values(name))).collect()
}

// === impl Serialize ===

impl<V: Serialize> Serialize for Members<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
