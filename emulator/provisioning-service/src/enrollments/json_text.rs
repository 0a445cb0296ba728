//! JSON as text: what can be removed from it without parsing it.

use serde_json::value::RawValue;

/// `text` with blanks in place of comments and of a byte order mark, byte for byte as long as before.
pub(crate) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (blank, len) = match first {
            '"' => (false, string_len(rest)),
            '/' if rest.starts_with("//") => (true, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (true, rest[2..].find("*/").map_or(rest.len(), |end| end + 4)),
            '\u{feff}' if out.is_empty() => (true, first.len_utf8()),
            _ => (false, first.len_utf8()),
        };
        let (taken, after) = rest.split_at(len);
        if blank {
            out.extend(taken.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        } else {
            out.push_str(taken);
        }
        rest = after;
    }
    out
}

/// `raw` without the blanks between its parts; strings and numbers as they are.
pub(crate) fn compact(raw: &RawValue) -> Box<RawValue> {
    let mut out = String::with_capacity(raw.get().len());
    let mut rest = raw.get();
    while let Some(first) = rest.chars().next() {
        let len = if first == '"' { string_len(rest) } else { first.len_utf8() };
        let (taken, after) = rest.split_at(len);
        if !first.is_ascii_whitespace() {
            out.push_str(taken);
        }
        rest = after;
    }
    RawValue::from_string(out).unwrap_or_else(|_| raw.to_owned())
}

/// The length in bytes of the string literal that `text` begins with, both quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_takes_out_blanks_and_nothing_else() {
        let raw: &RawValue = serde_json::from_str("{ \"a \\\" b\" :\r\n[1.0e2,\t-0 , \" é \"] }").unwrap();
        assert_eq!(compact(raw).get(), "{\"a \\\" b\":[1.0e2,-0,\" é \"]}");
    }
}
