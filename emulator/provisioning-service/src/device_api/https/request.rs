//! What the path, the query and the headers of a request say, before the service is asked.

use hyper::header::{self, HeaderMap};
use percent_encoding::percent_decode_str;

use crate::answer::Answer;
use crate::api_version;
use crate::quoted::quoted;

/// A refusal: the answer, and the reason for the log.
pub(crate) type Refusal = (Answer, String);

/// What a path names.
pub(crate) struct Call {
    pub(crate) id_scope: String,
    pub(crate) registration_id: String,
    /// Of a path for GET alone.
    pub(crate) operation_id: String,
    /// The one method that the path is called with, which says what is to be done.
    pub(crate) method: &'static str,
}

impl Call {
    /// What `path` names; `None` if it is not a path of the device API. Ids are percent-decoded; the words between
    /// them are read in any case, as the real service’s router does.
    pub(crate) fn read(path: &str) -> Option<Self> {
        let id = |nth| {
            let id = percent_decode_str(path.split('/').nth(nth)?).decode_utf8().ok()?;
            Some(id.into_owned())
        };
        let words = path.to_ascii_lowercase();
        let (method, operation_id) = match words.split('/').collect::<Vec<_>>()[..] {
            ["", _, "registrations", _, "register"] => ("PUT", String::new()),
            ["", _, "registrations", _, "operations", _] => ("GET", id(5)?),
            ["", _, "registrations", _] => ("POST", String::new()),
            _ => return None,
        };
        let (id_scope, registration_id) = (id(1)?, id(3)?);
        let complete = !id_scope.is_empty() && !registration_id.is_empty();
        complete.then_some(Self { id_scope, registration_id, operation_id, method })
    }
}

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
