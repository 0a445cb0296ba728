//! The custom allocation definition of an enrollment: which webhook is asked for a hub.
//!
//! <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation>

use hyper::Uri;
use serde_json::{Map, Value};

use crate::enrollments::document::{Mistake, Mistakes, Node};
use crate::enrollments::enrollment::redacted;

/// `customAllocationDefinition`.
pub(crate) struct Definition {
    /// The URL to call, with the function's key.
    pub(crate) webhook: Uri,
    /// What a webhook is given: the definition with the URL's query redacted.
    pub(crate) copy: Value,
    /// Why the function will refuse calls, if that is known already.
    pub(crate) warning: Option<String>,
}

/// Reads the definition at `node`.
pub(crate) fn read(node: &Node<'_>, mistakes: &mut Mistakes) -> Option<Definition> {
    let mut members = mistakes.note(node.members())?;
    let url = members.need("webhookUrl", "the URL of the function, with its key: \"https://…?code=…\"");
    let url = mistakes.note(url.and_then(|node| Ok((read_url(&node)?, node))));
    let version = members.need("apiVersion", "the version of the records sent, such as \"2021-10-01\"");
    let version = mistakes.note(version.and_then(|node| node.string()));
    let ((webhook, place), version) = (url?, version?);

    let mut copy = Map::new();
    copy.insert("webhookUrl".to_owned(), redacted(&webhook).into());
    copy.insert("apiVersion".to_owned(), version.into());
    for (name, node) in members.rest() {
        copy.insert(name, mistakes.note(node.value())?);
    }
    let warning = foreseen(&webhook).map(|warning| place.mistake(warning).to_string());
    Some(Definition { webhook, copy: Value::Object(copy), warning })
}

fn read_url(node: &Node<'_>) -> Result<Uri, Mistake> {
    let rule = "expected an absolute URL that begins with https:// or http://, without user or password";
    let text = node.string()?;
    let uri: Uri = text.parse().map_err(|_| node.mistake(rule))?;
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if known && !authority.is_empty() && !authority.contains('@') { Ok(uri) } else { Err(node.mistake(rule)) }
}

/// Why the function at `uri` will refuse a call. A missing key is easily overlooked, and devices see only error
/// 400209: <https://github.com/Azure/azure-cli/issues/26889>.
fn foreseen(uri: &Uri) -> Option<&'static str> {
    let query = uri.query().unwrap_or_default();
    let has_key = query.split('&').any(|field| field.starts_with("code="));
    if query.starts_with("****") {
        Some("the URL is redacted, as the service shows it: put the function's key back after \"?code=\"")
    } else if uri.scheme_str() == Some("https") && !has_key {
        Some(
            "the URL has no \"?code=\": a function that requires a key answers 401, which devices see as error 400209",
        )
    } else {
        None
    }
}
