//! Forwarding (`enableForwardingHttpRequest`): the handler gets a copy of the caller's request, and its
//! reply goes back as it is.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#http-only-function>; the
//! exact rules: `HttpRequestExtensions.ToHttpRequestMessage` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers>.

use bytes::Bytes;
use hyper::Request;
use hyper::header::{self, HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::Answer;
use super::call::Call;
use super::client::{HOST_VERSION, HandlerClient, INVOCATION_HEADER, Outgoing, VERSION_HEADER};
use super::options::Framing;

/// What .NET's `UrlEncoder` escapes in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Forwards `call` with its body and gives back what the handler replied.
///
/// # Errors
///
/// Why there is no reply.
pub(super) async fn forward(client: &HandlerClient, call: &Call, body: Bytes) -> Result<Answer, String> {
    if call.is_chunked() {
        return Err(
            "The caller sent its body in chunks: a forwarding host copies the header and no body, which its HTTP client refuses.".to_owned(),
        );
    }
    let query: Vec<String> = call
        .query
        .all()
        .map(|(name, value)| {
            format!("{}={}", utf8_percent_encode(name, QUERY), utf8_percent_encode(value, QUERY))
        })
        .collect();
    let question = if query.is_empty() { "" } else { "?" };
    let path = format!("{}{question}{}", call.parts.uri.path(), query.join("&"));
    let mut request = Request::new(Outgoing::new(body, Framing::ContentLength));
    *request.method_mut() = call.parts.method.clone();
    *request.uri_mut() = client.uri(&path)?;
    *request.headers_mut() = headers(call)?;
    let reply = client.send(request).await?;
    Ok(Answer { status: reply.status, headers: end_to_end(reply.headers), body: reply.body })
}

/// The caller's headers and the host's own.
fn headers(call: &Call) -> Result<HeaderMap, String> {
    let mut headers = call.parts.headers.clone();
    // hyper writes the length of what it sends.
    headers.remove(header::CONTENT_LENGTH);
    let agent = format!("Azure-Functions-Host/{HOST_VERSION}");
    let agent = match headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()) {
        Some(caller) => format!("{caller} {agent}"),
        None => agent,
    };
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    headers.insert(header::USER_AGENT, value(&agent)?);
    headers.insert(VERSION_HEADER, value(HOST_VERSION)?);
    headers.insert(INVOCATION_HEADER, value(&call.id.to_string())?);
    Ok(headers)
}

/// The handler's headers without those that belong to its connection.
pub(super) fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in
        [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::UPGRADE, header::TE]
    {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    headers
}
