//! The envelope: the JSON document in which the host describes a call to the handler.
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#request-payload>; the exact
//! shape: `HttpRequestExtensions.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers>.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::function::Function;
use crate::invocation::call::{self, Call};
use crate::invocation::{identity, metadata};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    data: IndexMap<&'a str, Data<'a>>,
    metadata: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Request(Box<RequestData<'a>>),
    Input(Value),
}

/// The call as `Data.<name of the trigger>`. The order of the members is the host's.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RequestData<'a> {
    url: String,
    method: &'a str,
    query: IndexMap<&'a str, String>,
    headers: IndexMap<String, Vec<Cow<'a, str>>>,
    params: IndexMap<&'a str, Option<&'a str>>,
    identities: [Value; 1],
    /// Always text, if there is a body; never parsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
}

/// The envelope for `call` of `function` with `body`, on a host that callers know as `host_name`.
pub(crate) fn envelope(
    call: &Call,
    function: &Function,
    body: &Bytes,
    host_name: &str,
) -> Result<Bytes, String> {
    let text = Some(call::decode(body)).filter(|_| !body.is_empty());
    let parsed = text.as_deref().and_then(metadata::parse);
    let request = RequestData {
        url: call.url(host_name),
        method: call.parts.method.as_str(),
        query: call.query.joined().collect(),
        headers: call.headers().collect(),
        params: call.parameters.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect(),
        identities: [identity::identity(&call.claims)],
        body: if call.is_binary() { text.map(|_| STANDARD.encode(body).into()) } else { text },
    };
    let mut data = IndexMap::from([(function.trigger.as_str(), Data::Request(Box::new(request)))]);
    for input in &function.inputs {
        data.extend(input.value(parsed.as_ref())?.map(|value| (input.name.as_str(), Data::Input(value))));
    }
    let envelope = Envelope { data, metadata: metadata::metadata(call, function, parsed) };
    serde_json::to_vec(&envelope).map(Bytes::from).map_err(|error| error.to_string())
}
