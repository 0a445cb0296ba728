//! A request's query, read as ASP.NET Core reads it.

use std::collections::HashMap;

use percent_encoding::percent_decode;

/// The items of a query in their order. Names are compared without regard to case; a repeated one keeps the
/// first spelling and collects the values.
#[derive(Debug, Default)]
pub(super) struct Query {
    items: Vec<(String, Vec<String>)>,
}

impl Query {
    /// Reads `query`, the part of a URL after the question mark.
    pub(super) fn parse(query: &str) -> Self {
        let mut items: Vec<(String, Vec<String>)> = Vec::new();
        let mut places = HashMap::new();
        for item in query.split('&').filter(|item| !item.is_empty()) {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            let (name, value) = (decode(name), decode(value));
            let place = *places.entry(name.to_lowercase()).or_insert(items.len());
            if place == items.len() {
                items.push((name, Vec::new()));
            }
            items[place].1.push(value);
        }
        Self { items }
    }

    /// Each name with its values joined by commas.
    pub(super) fn joined(&self) -> impl Iterator<Item = (&str, String)> {
        self.items.iter().map(|(name, values)| (name.as_str(), values.join(",")))
    }

    /// Each name with its last value.
    pub(super) fn last(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items.iter().map(|(name, values)| (name.as_str(), values.last().map_or("", String::as_str)))
    }

    /// Every name with every value.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items
            .iter()
            .flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())))
    }

    /// The first value of `name`.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let (_, values) = self.items.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        values.first().map(String::as_str)
    }
}

fn decode(text: &str) -> String {
    let spaced: Vec<u8> = text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_decoded_and_repeated_ones_joined() {
        let query = Query::parse("a=1&b=x+y%26z&A=2&c&&d=%ff");
        let joined: Vec<_> = query.joined().collect();
        let expected = [("a", "1,2"), ("b", "x y&z"), ("c", ""), ("d", "\u{fffd}")];
        assert_eq!(joined, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(query.last().next(), Some(("a", "2")));
        assert_eq!(query.first("B"), Some("x y&z"));
    }
}
