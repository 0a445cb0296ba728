//! JSON as text: what can be removed from it without parsing it.

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
