//! A request's path and query, read and written as ASP.NET Core and .NET do it.

use indexmap::IndexMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stays as it is in a path: ASP.NET Core's `PathString`.
const PATH: &AsciiSet = &all_but(b"._~/:@!$&'()*+,;=");
/// What stays as it is in a query: .NET's `UrlEncoder`.
const QUERY: &AsciiSet = &all_but(b"._~!$()*,;@");

const fn all_but(kept: &[u8]) -> AsciiSet {
    let (mut set, mut nth) = (NON_ALPHANUMERIC.remove(b'-'), 0);
    while nth < kept.len() {
        set = set.remove(kept[nth]);
        nth += 1;
    }
    set
}

/// The items of a query in their order, by names in lower case: the first spelling, and all values.
#[derive(Debug, Default)]
pub(crate) struct Query(IndexMap<String, (String, Vec<String>)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        let mut items = IndexMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (_, values) = items.entry(name.to_lowercase()).or_insert((name.into_owned(), Vec::new()));
            values.push(value.into_owned());
        }
        Self(items)
    }

    /// Each name with its values joined by commas.
    pub(crate) fn joined(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.values().map(|(name, values)| (name.as_str(), values.join(",")))
    }

    pub(crate) fn last(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().map(|(name, values)| (name.as_str(), values.last().map_or("", String::as_str)))
    }

    /// The first value of `name`, which is in lower case.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.1.first().map(String::as_str)
    }

    /// The query as the host writes it, with its question mark.
    pub(crate) fn encoded(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
        let items = self.joined().map(|(name, value)| format!("{}={}", encode(name), encode(&value)));
        let items = items.collect::<Vec<_>>();
        if items.is_empty() { String::new() } else { format!("?{}", items.join("&")) }
    }
}

/// `path` decoded, but for slashes in its segments.
pub(crate) fn decoded_path(path: &str) -> String {
    each_part(path, |part| percent_decode_str(part).decode_utf8_lossy().into_owned())
}

/// `path` as the host writes it after it has decoded it.
pub(crate) fn encoded_path(path: &str) -> String {
    each_part(path, |part| {
        utf8_percent_encode(&percent_decode_str(part).decode_utf8_lossy(), PATH).to_string()
    })
}

fn each_part(path: &str, change: impl Fn(&str) -> String) -> String {
    let path = path.replace("%2f", "%2F");
    path.split("%2F").map(change).collect::<Vec<_>>().join("%2F")
}
