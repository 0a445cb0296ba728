//! The symmetric keys of an enrollment.

use serde_json::{Map, Value};
use symmetric_key::SymmetricKey;

use crate::enrollments::document::Node;

/// An attestation by symmetric keys.
pub(crate) struct SymmetricKeys {
    /// The primary key and, if there is one, the secondary.
    pub(crate) keys: Vec<SymmetricKey>,
    /// What a webhook is given: the attestation without the keys.
    pub(crate) copy: Value,
}

/// Reads the attestation at `node`.
pub(crate) fn read(node: Node<'_>) -> Option<SymmetricKeys> {
    let mut node = node.object()?;
    let type_node = node.need("type", "\"symmetricKey\"")?;
    let unsupported = match &*type_node.string()? {
        "symmetricKey" => None,
        "x509" => Some("X.509 attestation is not supported yet; expected \"symmetricKey\""),
        "tpm" => Some("TPM attestation is not supported yet; expected \"symmetricKey\""),
        _ => Some("expected one of symmetricKey, x509, tpm; the last two are not supported yet"),
    };
    if let Some(unsupported) = unsupported {
        type_node.mistake(unsupported);
        return None;
    }
    let keys = node.need(
        "symmetricKey",
        "{\"primaryKey\": \"…\", \"secondaryKey\": \"…\"}; az shows it with --show-keys",
    )?;
    let mut copy = Map::from_iter([("type".to_owned(), type_node.value)]);
    copy.extend(node.rest().into_iter().map(|(name, node)| (name, node.value)));

    let mut keys = keys.object()?;
    let nodes = [
        Some(keys.need("primaryKey", "16 to 64 bytes as base64; az shows it with --show-keys")?),
        keys.take("secondaryKey"),
    ];
    for (_, node) in keys.rest() {
        node.mistake("unknown member; expected primaryKey or secondaryKey");
    }
    let keys = nodes.iter().flatten().filter_map(|node| {
        let key = node.string()?.parse::<SymmetricKey>();
        key.map_err(|error| node.mistake(error.to_string())).ok()
    });
    Some(SymmetricKeys { keys: keys.collect(), copy: Value::Object(copy) })
}
