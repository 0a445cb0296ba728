//! A text in the file, whose every character has a place.

use std::fmt;
use std::ops::{Deref, Range};

use super::place::Place;

/// A text in the file.
#[derive(Clone, Debug)]
pub struct Text {
    value: String,
    /// Where it is in the file.
    pub place: Place,
    bytes: Range<usize>,
}

// === impl Text ===

impl Text {
    pub(super) const fn new(value: String, place: Place, bytes: Range<usize>) -> Self {
        Self { value, place, bytes }
    }

    /// The place in the file `source` of the byte `at` of the text. The file may have it in quotes, with
    /// escapes, folded or indented, so both are followed side by side.
    pub(super) fn place_of(&self, source: &str, at: usize) -> Place {
        let (start, end) = (self.bytes.start, self.bytes.end.max(self.bytes.start));
        let written = source.get(start..end).unwrap_or_default();
        let first_line = self.value.lines().next().unwrap_or_default();
        let quote =
            written.chars().next().filter(|c| matches!(c, '"' | '\'') && !written.starts_with(first_line));
        let mut position = usize::from(quote.is_some());
        for c in self.value.get(..at).unwrap_or(&self.value).chars() {
            position += written_length(written.get(position..).unwrap_or_default(), c, quote);
        }
        Place::of(source, start + position)
    }
}

/// How many bytes at the beginning of `rest` stand for the character `c` of the text.
fn written_length(rest: &str, c: char, quote: Option<char>) -> usize {
    if quote == Some('"') && rest.starts_with('\\') {
        return escape(rest);
    }
    let content = rest.trim_start();
    let blank = rest.len() - content.len();
    if !c.is_whitespace() {
        let doubled = usize::from(quote == Some('\'') && c == '\'' && content.starts_with("''"));
        return if content.starts_with(c) { blank + doubled + c.len_utf8() } else { 0 };
    }
    // A line end and the indentation around it stand for one space or one line end, or for several.
    match rest[..blank].contains('\n') {
        true => blank,
        false => rest.chars().next().filter(|c| c.is_whitespace()).map_or(0, char::len_utf8),
    }
}

/// How many bytes the escape at the beginning of `rest` has.
fn escape(rest: &str) -> usize {
    let length = match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') if rest.get(6..8) == Some("\\u") => 12,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    };
    length.min(rest.len())
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
