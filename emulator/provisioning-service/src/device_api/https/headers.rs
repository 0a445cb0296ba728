//! What the headers and the query of a request have to say, before the service is asked.

use hyper::header::{self, HeaderMap};

use crate::answer::Answer;
use crate::api_version;
use crate::quoted::quoted;

/// A refusal: the answer, and the reason for the log.
pub(crate) type Refusal = (Answer, String);

/// Refuses an upgrade to WebSocket, naming what was to be spoken over it. `mqtt_port` is the port to use instead.
///
/// 501: the clients of the SDKs show the status, and not the body.
pub(crate) fn check_upgrade(headers: &HeaderMap, mqtt_port: u16) -> Result<(), Refusal> {
    if !value(headers, &header::UPGRADE).contains("websocket") {
        return Ok(());
    }
    let protocol = match value(headers, &header::SEC_WEBSOCKET_PROTOCOL) {
        name if name.contains("mqtt") => "MQTT over WebSocket",
        name if name.contains("amqp") => "AMQP over WebSocket",
        _ => "WebSocket",
    };
    let message = format!("{protocol} is not supported yet; use MQTT over TLS at port {mqtt_port}.");
    Err((Answer::error(501, 501_000, &message), message))
}

/// Requires `api-version` in the query, in the form of a version.
pub(crate) fn check_version(query: &str) -> Result<(), Refusal> {
    let version = query.split('&').find_map(|pair| pair.strip_prefix("api-version="));
    if version.is_some_and(api_version::is_version) {
        return Ok(());
    }
    let expected = format!("Expected {} in the query", api_version::EXPECTED);
    let why = format!("{expected}, found {}", version.map_or_else(|| "none".to_owned(), quoted));
    Err((Answer::bad_request(&format!("{expected}.")), why))
}

/// Requires JSON, or no content type; and not compressed. The documentation's own example calls the encoding
/// `utf-8`, which is not a content encoding, and is accepted.
pub(crate) fn check_media(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |message: &str, found: &str| {
        Err((Answer::error(415, 415_000, message), format!("{message} Found {}.", quoted(found))))
    };
    let media = value(headers, &header::CONTENT_TYPE);
    match media.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => {}
        other => return refuse("Expected a body of type application/json.", other),
    }
    match value(headers, &header::CONTENT_ENCODING).trim() {
        "" | "utf-8" | "identity" => Ok(()),
        other => refuse("Expected a body without content encoding.", other),
    }
}

/// The value of a header in lower case; empty if there is none.
fn value(headers: &HeaderMap, name: &header::HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    value.unwrap_or_default()
}
