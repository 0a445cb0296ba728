//! Route templates: `devices/{id:int}/{*rest}`.
//!
//! <https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates>. The constraints of parameters
//! (`:int`) are not checked: the host has done that before it passes a request on.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The path at which a function's callers reach it.
#[derive(Clone, Debug)]
pub struct Route {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
enum Segment {
    /// Text and parameters in turns: `v{version}-{id}` is `["v", "-", ""]`, and text alone one piece.
    Pieces(Vec<String>),
    /// A parameter that may be left out, at the end.
    Optional,
    /// Everything that is left.
    CatchAll,
}

// === impl Route ===

impl Route {
    /// Reads a template. Slashes around it, and empty segments, do not matter.
    ///
    /// # Errors
    ///
    /// What was found instead of a template.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        let mut depth = 0_u32;
        let mut segments = vec![String::new()];
        for character in template.chars() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    return Err(format!("expected a route, found {template:?} with a `}}` too many"));
                }
                '}' => depth -= 1,
                _ => {}
            }
            match segments.last_mut() {
                // Constraints may hold slashes.
                Some(segment) if character != '/' || depth > 0 => segment.push(character),
                _ => segments.push(String::new()),
            }
        }
        if depth > 0 {
            return Err(format!("expected a route, found {template:?} with a `{{` too many"));
        }
        segments.retain(|text| !text.is_empty());
        let text = format!("/{}", segments.join("/"));
        Ok(Self { text, segments: segments.iter().map(|text| Segment::parse(text)).collect() })
    }

    /// Whether `path`, percent-encoded and without its slash in front, is one of this route. In any casing, and with
    /// or without a slash at its end, as ASP.NET Core matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts = path.split('/').filter(|_| !path.is_empty());
        for segment in &self.segments {
            match (segment, parts.next()) {
                (Segment::CatchAll, _) => return true,
                (Segment::Optional, part) => {
                    if part.is_some_and(str::is_empty) {
                        return false;
                    }
                }
                (Segment::Pieces(pieces), Some(part)) => {
                    if !pieces_match(pieces, &percent_decode_str(part).decode_utf8_lossy()) {
                        return false;
                    }
                }
                (Segment::Pieces(_), None) => return false,
            }
        }
        parts.next().is_none()
    }
}

impl fmt::Display for Route {
    /// The template with a slash in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// === impl Segment ===

impl Segment {
    fn parse(text: &str) -> Self {
        let parameter =
            text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).filter(|name| !name.contains('{'));
        match parameter {
            Some(name) if name.starts_with('*') => return Self::CatchAll,
            Some(name) if name.ends_with('?') || name.contains('=') => return Self::Optional,
            _ => {}
        }
        let mut pieces = vec![String::new()];
        let mut depth = 0_u32;
        for character in text.chars() {
            match character {
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        pieces.push(String::new());
                    }
                }
                character if depth == 0 => {
                    if let Some(piece) = pieces.last_mut() {
                        piece.push(character);
                    }
                }
                _ => {}
            }
        }
        Self::Pieces(pieces)
    }
}

/// Whether `text` is the first piece, then something and the next piece, and so on.
fn pieces_match(pieces: &[String], text: &str) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    let Some(after) = text
        .get(..first.len())
        .filter(|start| start.eq_ignore_ascii_case(first))
        .map(|_| &text[first.len()..])
    else {
        return false;
    };
    if rest.is_empty() {
        return after.is_empty();
    }
    after
        .char_indices()
        .skip(1)
        .map(|(at, _)| at)
        .chain([after.len()])
        .any(|at| at > 0 && pieces_match(rest, &after[at..]))
}
