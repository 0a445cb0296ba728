//! serde's error messages in the words of people who write JSON.

/// What serde calls things, and what JSON does.
const KINDS: [(&str, &str); 9] = [
    ("map", "an object"),
    ("sequence", "an array"),
    ("a map", "an object"),
    ("a sequence", "an array"),
    ("unit value", "null"),
    ("integer ", ""),
    ("boolean ", ""),
    ("floating point ", ""),
    ("string ", ""),
];

/// `invalid type: integer 5, expected a string` as `expected a string, found 5`. Line and column are left out: they
/// count within the part that was read.
#[must_use]
pub(crate) fn plain(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let found = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    match found.and_then(|message| message.rsplit_once(", expected ")) {
        Some((found, expected)) => format!("expected {}, found {}", kind(expected), kind(found)),
        None => message.replacen("missing field", "missing member", 1).replacen(
            "unknown field",
            "unknown member",
            1,
        ),
    }
}

fn kind(text: &str) -> String {
    for (serde, json) in KINDS {
        if text == serde {
            return json.to_owned();
        }
        if let Some(rest) = text.strip_prefix(serde).filter(|_| serde.ends_with(' ')) {
            return format!("{json}{}", rest.trim_matches('`'));
        }
    }
    text.to_owned()
}
