//! Forwarding (`enableForwardingHttpRequest`): the handler gets a copy of the caller's request, the caller its reply.
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#http-only-function>; the
//! exact rules: `HttpRequestExtensions.ToHttpRequestMessage` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers>, and what .NET's
//! `HttpClient` makes of it.

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Version};

use crate::invocation::answer::media_type;
use crate::invocation::call::{self, Call};
use crate::invocation::url::encoded_path;
use crate::options::Framing;
use crate::worker::client::{
    Answer, HOST_VERSION, HandlerClient, INVOCATION_HEADER, USER_AGENT, VERSION_HEADER, framed,
};

pub(crate) async fn forward(client: &HandlerClient, call: &Call, body: Bytes) -> Result<Answer, String> {
    if call.is_chunked() {
        return Err(
            "The caller sent its body in chunks: a forwarding host copies the header and no body, which its HTTP client refuses.".to_owned(),
        );
    }
    // The extensions hold the spelling of the headers.
    let mut parts = call.parts.clone();
    parts.version = Version::HTTP_11;
    parts.method = known_method(&parts.method);
    parts.uri = client.uri(&(encoded_path(parts.uri.path()) + &call.query.encoded()))?;
    parts.headers = headers(call, body.is_empty())?;
    let mut reply = client.send(Request::from_parts(parts, framed(body, Framing::ContentLength))).await?;
    let length = reply.headers.get(header::CONTENT_LENGTH).cloned();
    reply.headers = end_to_end(reply.headers);
    reply.headers.extend(length.map(|length| (header::CONTENT_LENGTH, length)));
    Ok(reply)
}

/// The caller's headers, as .NET's `HttpClient` passes them on, and the host's own.
fn headers(call: &Call, is_empty: bool) -> Result<HeaderMap, String> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    let mut headers = HeaderMap::new();
    for name in call.parts.headers.keys() {
        let is_content = name.as_str().starts_with("content-");
        if is_content && (is_empty || *name != header::CONTENT_TYPE) {
            continue;
        }
        let values: Vec<_> = call.parts.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        let separator: &[u8] = if *name == header::COOKIE { b"; " } else { b", " };
        let joined = HeaderValue::from_bytes(&values.join(separator)).map_err(|error| error.to_string())?;
        headers.insert(name, joined);
    }
    if let Some(kind) = headers.get(header::CONTENT_TYPE).filter(|kind| media_type(kind).is_none()) {
        return Err(format!(
            "The format of value {kind:?} is invalid: expected a Content-Type such as text/plain."
        ));
    }
    // The length of a body is written with the body.
    if is_empty && matches!(known_method(&call.parts.method).as_str(), "POST" | "PUT" | "PATCH") {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    }
    let caller =
        call::text(&headers, header::USER_AGENT).map(|agent| format!("{agent} ")).unwrap_or_default();
    headers.insert(header::USER_AGENT, value(&(caller + USER_AGENT))?);
    headers.insert(VERSION_HEADER, HOST_VERSION);
    headers.insert(INVOCATION_HEADER, value(&call.id.to_string())?);
    Ok(headers)
}

/// `method` in upper case, if it is one that .NET knows.
fn known_method(method: &Method) -> Method {
    let upper = method.as_str().to_uppercase();
    let is_known =
        ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH", "CONNECT"].contains(&&*upper);
    upper.parse().ok().filter(|_| is_known).unwrap_or_else(|| method.clone())
}

/// The headers without those that belong to one connection.
pub(crate) fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in
        "connection content-length keep-alive proxy-connection te transfer-encoding upgrade".split(' ')
    {
        headers.remove(name);
    }
    headers
}
