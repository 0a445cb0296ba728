//! The custom allocation definition of an enrollment: which webhook is asked for a hub.
//!
//! <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation>

use hyper::Uri;
use serde_json::{Value, json};

use crate::api_version;
use crate::enrollments::document::Node;
use crate::enrollments::enrollment::redacted;

/// Reads the definition at `node`: the webhook's URL, with the function's key, and what a webhook is given of the
/// definition, with the URL's query redacted.
pub(crate) fn read(node: Node<'_>) -> Option<(Uri, Value)> {
    let mut node = node.object()?;
    let url = node.need("webhookUrl", "the URL of the function, with its key: \"https://…?code=…\"");
    let url = url.and_then(|node| read_url(&node));
    let version = node.need("apiVersion", "the version of the records sent, such as \"2021-10-01\"");
    let rule = format!("expected {}", api_version::EXPECTED);
    let version = version.and_then(|node| node.string_that(api_version::is_version, &rule));
    let (webhook, version) = (url?, version?);

    let mut copy = json!({"webhookUrl": redacted(&webhook), "apiVersion": version});
    copy.as_object_mut()?.extend(node.rest().into_iter().map(|(name, node)| (name, node.value)));
    Some((webhook, copy))
}

fn read_url(node: &Node<'_>) -> Option<Uri> {
    let uri = node.string()?.parse::<Uri>().ok().filter(|uri| {
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        known && !authority.is_empty() && !authority.contains('@')
    });
    let Some(uri) = uri else {
        node.mistake(
            "expected an absolute URL that begins with https:// or http://, without user or password",
        );
        return None;
    };
    // A missing key is easily overlooked, and devices see only error 400209:
    // <https://github.com/Azure/azure-cli/issues/26889>.
    let query = uri.query().unwrap_or_default();
    if query.starts_with("****") {
        node.warning(
            "the URL is redacted, as the service shows it: put the function's key back after \"?code=\"",
        );
    } else if uri.scheme_str() == Some("https") && !query.split('&').any(|field| field.starts_with("code=")) {
        node.warning(
            "the URL has no \"?code=\": a function that requires a key answers 401, which devices see as error 400209",
        );
    }
    Some(uri)
}
