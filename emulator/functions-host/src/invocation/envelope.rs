//! The envelope: the JSON document by which the host tells the handler of a call.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#request-payload>; the exact
//! shape: `HttpRequestExtensions.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::app::function::Function;
use crate::invocation::call::{self, Call};
use crate::invocation::input;
use crate::invocation::metadata;

/// The envelope for `call` of `function` with `body`, on a host that callers know as `host_name`.
pub(crate) fn envelope(
    call: &Call,
    function: &Function,
    body: &Bytes,
    host_name: &str,
) -> Result<Bytes, String> {
    let text = call::decode(body);
    let parsed = if body.is_empty() { None } else { metadata::parse(&text) };
    let mut request = json!({
        "Url": call.url(host_name),
        "Method": call.parts.method.as_str(),
        "Query": call.query.joined().collect::<Value>(),
        "Headers": call.headers().collect::<Value>(),
        "Params": call.parameters.iter().cloned().collect::<Value>(),
        "Identities": [call.identity.to_json()],
    });
    if !body.is_empty() {
        request["Body"] = if call.is_binary() { STANDARD.encode(body).into() } else { text.as_ref().into() };
    }
    let mut data = Map::from_iter([(function.trigger.clone(), request)]);
    for binding in &function.inputs {
        if let Some(value) = input::value(binding, parsed.as_ref())? {
            data.insert(binding.name.clone(), value);
        }
    }
    let metadata = metadata::metadata(call, function, parsed.as_ref());
    Ok(json!({"Data": data, "Metadata": metadata}).to_string().into())
}
