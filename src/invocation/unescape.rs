//! The text of a JSON string.
//!
//! serde_json can do this, but reads into a buffer that it grows and copies: on the body of an invocation, which is
//! the largest string there is, that costs a tenth of a request.

/// A text, and whether it is all that the JSON string says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unescaped {
    pub(super) text: String,
    /// Half a surrogate pair, which JSON can name and no text can hold, became U+FFFD.
    pub(super) lossy: bool,
}

/// The text of `json`, a string that a JSON parser has accepted, quotation marks included; `None` for anything else.
pub(super) fn unescape(json: &str) -> Option<Unescaped> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    let mut text = Vec::with_capacity(inner.len());
    let mut lossy = false;
    let mut rest = inner;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        text.extend_from_slice(&rest[..at]);
        let (escape, after) = rest[at + 1..].split_first()?;
        rest = after;
        match escape {
            b'b' => text.push(0x08),
            b'f' => text.push(0x0C),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let (character, after) = character(rest)?;
                rest = after;
                lossy |= character.is_none();
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => text.push(*other),
        }
    }
    text.extend_from_slice(rest);
    Some(Unescaped { text: String::from_utf8(text).ok()?, lossy })
}

/// The character whose `\u` stands in front of `rest`, with the second half of its pair if it has one, and what
/// follows. The character is `None` for half a pair.
fn character(rest: &[u8]) -> Option<(Option<char>, &[u8])> {
    let (first, after) = code_unit(rest)?;
    if let Some((second, after_pair)) = after.strip_prefix(b"\\u").and_then(code_unit)
        && let Some(Ok(character)) = char::decode_utf16([first, second]).next()
        && character.len_utf16() == 2
    {
        return Some((Some(character), after_pair));
    }
    Some((char::from_u32(first.into()), after))
}

fn code_unit(rest: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, after) = rest.split_at_checked(4)?;
    let unit = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((unit, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Unescaped, unescape};

    #[test]
    fn half_a_surrogate_pair_becomes_one_replacement_character() {
        for (json, text) in [
            (r#""a\ud800b""#, "a\u{fffd}b"),
            (r#""\udc00\ud800""#, "\u{fffd}\u{fffd}"),
            (r#""\ud800\u0041""#, "\u{fffd}A"),
            (r#""\ud800\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        ] {
            assert_eq!(unescape(json), Some(Unescaped { text: text.to_owned(), lossy: true }), "{json}");
        }
    }

    #[test]
    fn other_values_are_not_strings() {
        for json in ["5", "null", "{}", "[\"a\"]", "", "\""] {
            assert_eq!(unescape(json), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_string_is_read_as_serde_json_reads_it(text: String, escaped: bool) {
            let json = if escaped {
                let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                format!("\"{units}\"")
            } else {
                serde_json::to_string(&text).unwrap()
            };
            prop_assert_eq!(unescape(&json), Some(Unescaped { text, lossy: false }));
        }
    }
}
