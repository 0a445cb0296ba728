//! A YAML file as a tree in which every value knows its place.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, Spanned};

use super::place::{Mistake, Place};

/// A value and where it is.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    /// Its bytes in the file; of a list or a map, its beginning alone.
    pub(super) bytes: Range<usize>,
    pub(super) value: Yaml,
}

/// What a value can be.
#[derive(Clone, Debug)]
pub(super) enum Yaml {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// Members in the order of the file; two may have one name.
    Map(Vec<(Key, Node)>),
}

/// A member's name and where it is.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) name: String,
}

/// The largest file that is read, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// Reads `source`. What is wrong with the YAML itself ends the reading, so it is one mistake at most.
pub(super) fn read(source: &str) -> Result<Node, Mistake> {
    if source.len() > MAX_BYTES {
        let words = format!("the file has {} bytes; at most {MAX_BYTES} are read", source.len());
        return Err(Mistake { place: Place { line: 1, column: 1 }, words });
    }
    let options = serde_saphyr::options! {
        // The reader of the tree tells of every one, not only of the first.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        with_snippet: false,
        // Far more than people write; a file may come from somebody else's pull request.
        budget: serde_saphyr::budget! {
            max_events: 200_000,
            max_nodes: 100_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_documents: 2,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 100_000,
            max_recorded_anchor_bytes: MAX_BYTES,
            max_total_scalar_bytes: 2 * MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 16,
        },
    };
    let read = serde_saphyr::from_str_with_options::<Spanned<Yaml>>(source, options);
    read.map(Node::from).map_err(|error| {
        let words = error.to_string();
        let words = match &error {
            Error::MultipleDocuments { .. } => "the file has more than one document",
            Error::Budget { .. } => "the file has too many values, or nests too deep",
            _ => words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words),
        };
        let place = error.location().map_or(Place { line: 1, column: 1 }, place);
        Mistake { place, words: format!("not valid YAML: {words}") }
    })
}

fn place(location: Location) -> Place {
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    Place { line: number(location.line()), column: number(location.column()) }
}

// === impl Node ===

impl From<Spanned<Yaml>> for Node {
    fn from(Spanned { value, defined, .. }: Spanned<Yaml>) -> Self {
        let number =
            |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
        let start = number(defined.span().byte_offset());
        let bytes = start..start.saturating_add(number(defined.span().byte_len()));
        Self { place: place(defined), bytes, value }
    }
}

// === impl Yaml ===

impl Yaml {
    /// What it is, in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Yaml, D::Error> {
        Yaml::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Yaml, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("the number has no value in JSON"))?;
        Ok(Yaml::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Yaml, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element::<Spanned<Yaml>>()? {
            nodes.push(node.into());
        }
        Ok(Yaml::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Yaml, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let node = map.next_value::<Spanned<Yaml>>()?;
            members.push((Key { place: place(key.defined), name: key.value }, node.into()));
        }
        Ok(Yaml::Map(members))
    }
}
