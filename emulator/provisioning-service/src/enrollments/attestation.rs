//! The attestation of an enrollment: the keys that prove who a device is.

use serde_json::{Map, Value};

use crate::enrollments::document::{Mistakes, Node};
use symmetric_key::SymmetricKey;

/// An example of an attestation, for messages.
pub(crate) const EXAMPLE: &str = "{\"type\": \"symmetricKey\", \"symmetricKey\": {\"primaryKey\": \"…\"}}";

/// An attestation by symmetric keys.
pub(crate) struct Attestation {
    /// The primary key and, if there is one, the secondary.
    pub(crate) keys: Vec<SymmetricKey>,
    /// What a webhook is given: the attestation without the keys.
    pub(crate) copy: Value,
}

/// Reads the attestation at `node`.
pub(crate) fn read(node: &Node<'_>, mistakes: &mut Mistakes) -> Option<Attestation> {
    let mut members = mistakes.note(node.members())?;
    let type_node = mistakes.note(members.need("type", "\"symmetricKey\""))?;
    let type_name = mistakes.note(type_node.string())?;
    if type_name != "symmetricKey" {
        let problem = "expected \"symmetricKey\": certificates and TPMs are not emulated";
        mistakes.0.push(type_node.mistake(problem));
        return None;
    }
    let keys = members.need("symmetricKey", "{\"primaryKey\": \"…\", \"secondaryKey\": \"…\"}");
    let keys = mistakes.note(keys)?;
    let mut copy = Map::new();
    copy.insert("type".to_owned(), type_name.into());
    for (name, node) in members.rest() {
        copy.insert(name, mistakes.note(node.value())?);
    }

    let mut keys = mistakes.note(keys.members())?;
    let primary = mistakes.note(keys.need("primaryKey", "16 to 64 bytes as base64"))?;
    let nodes = [Some(primary), keys.take("secondaryKey")];
    for (_, node) in keys.rest() {
        mistakes.0.push(node.mistake("unknown member; expected primaryKey or secondaryKey"));
    }
    let keys = nodes.into_iter().flatten().map(|node| {
        let key = node.string()?.parse::<SymmetricKey>();
        key.map_err(|error| node.mistake(error.to_string()))
    });
    let keys = keys.map(|key| mistakes.note(key)).collect::<Option<_>>()?;
    Some(Attestation { keys, copy: Value::Object(copy) })
}
