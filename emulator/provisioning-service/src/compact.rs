//! JSON without the blanks between its parts.

use serde_json::value::RawValue;

/// `raw` without the blanks between its parts; strings and numbers as they are.
pub(crate) fn compact(raw: &RawValue) -> Box<RawValue> {
    let mut out = String::with_capacity(raw.get().len());
    let (mut in_string, mut escaped) = (false, false);
    for c in raw.get().chars() {
        if in_string || !c.is_ascii_whitespace() {
            out.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    RawValue::from_string(out).unwrap_or_else(|_| raw.to_owned())
}
