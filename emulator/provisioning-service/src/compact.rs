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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_takes_out_blanks_and_nothing_else() {
        let raw: &RawValue =
            serde_json::from_str("{ \"a \\\" b\\\\\" :\r\n[1.0e2,\t-0 , \" é \"] }").unwrap();
        assert_eq!(compact(raw).get(), "{\"a \\\" b\\\\\":[1.0e2,-0,\" é \"]}");
    }
}
