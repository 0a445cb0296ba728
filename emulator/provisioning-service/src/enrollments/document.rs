//! A JSON document written by hand, read so that every mistake in it can be reported with its place.
//!
//! Comments (`// …` and `/* … */`) are allowed, as in the other JSON files of a function app. What a
//! mistake says never quotes a value: it may be a key.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::enrollments::json_text::without_comments;

/// The text of a document, its comments blanked out, so that offsets in it are offsets in the file.
#[derive(Debug)]
pub(crate) struct Document(String);

/// One value of a document, with the path that leads to it, such as `enrollmentGroups[0].iotHubs`.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    text: &'a str,
    raw: &'a str,
    path: String,
}

/// The members of an object, taken one by one; what is left at the end is unknown.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    owner: Node<'a>,
    members: Vec<(String, Node<'a>)>,
}

/// Everything found wrong with a document so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(pub(crate) Vec<Mistake>);

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where in the document, as members and indexes: `enrollmentGroups[0].iotHubs[1]`. Empty: the document.
    pub path: String,
    /// The line in the file, from 1.
    pub line: usize,
    /// The column in that line, in characters, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

struct Pairs<'a>(Vec<(String, &'a RawValue)>);

// === impl Document ===

impl Document {
    /// A document of `text`, parsed by [`Document::root`].
    pub(crate) fn new(text: &str) -> Self {
        Self(without_comments(text))
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> Result<Node<'_>, Mistake> {
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) => Ok(Node { text: &self.0, raw: raw.get(), path: String::new() }),
            Err(error) => Err(Mistake {
                path: String::new(),
                line: error.line(),
                column: error.column().max(1),
                problem: format!("invalid JSON: {}", reason(&error)),
            }),
        }
    }
}

// === impl Node ===

impl<'a> Node<'a> {
    /// A mistake at this place.
    pub(crate) fn mistake(&self, problem: impl Into<String>) -> Mistake {
        let offset = (self.raw.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Mistake {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            problem: problem.into(),
        }
    }

    /// The members of this object, each name once.
    pub(crate) fn members(&self) -> Result<Members<'a>, Mistake> {
        if !self.raw.starts_with('{') {
            return Err(self.unexpected("an object"));
        }
        let Pairs(pairs) = self.parse()?;
        let mut members: Vec<(String, Node<'a>)> = Vec::with_capacity(pairs.len());
        for (name, raw) in pairs {
            let path = if self.path.is_empty() { name.clone() } else { format!("{}.{name}", self.path) };
            let node = Node { text: self.text, raw: raw.get(), path };
            if members.iter().any(|(earlier, _)| *earlier == name) {
                return Err(node.mistake("duplicate member"));
            }
            members.push((name, node));
        }
        Ok(Members { owner: self.clone(), members })
    }

    /// The elements of this array.
    pub(crate) fn items(&self) -> Result<Vec<Node<'a>>, Mistake> {
        if !self.raw.starts_with('[') {
            return Err(self.unexpected("an array"));
        }
        let items: Vec<&'a RawValue> = self.parse()?;
        let item = |(nth, raw): (usize, &'a RawValue)| Node {
            text: self.text,
            raw: raw.get(),
            path: format!("{}[{nth}]", self.path),
        };
        Ok(items.into_iter().enumerate().map(item).collect())
    }

    /// This string.
    pub(crate) fn string(&self) -> Result<String, Mistake> {
        if self.raw.starts_with('"') { self.parse() } else { Err(self.unexpected("a string")) }
    }

    /// This `true` or `false`.
    pub(crate) fn boolean(&self) -> Result<bool, Mistake> {
        serde_json::from_str(self.raw).map_err(|_| self.unexpected("true or false"))
    }

    /// This whole number.
    pub(crate) fn number(&self) -> Result<u64, Mistake> {
        serde_json::from_str(self.raw).map_err(|_| self.unexpected("a whole number of 0 or more"))
    }

    /// This value, whatever it is.
    pub(crate) fn value(&self) -> Result<Value, Mistake> {
        self.parse()
    }

    /// Whether this is a string, as opposed to something with members.
    pub(crate) fn is_string(&self) -> bool {
        self.raw.starts_with('"')
    }

    fn parse<T: Deserialize<'a>>(&self) -> Result<T, Mistake> {
        serde_json::from_str(self.raw)
            .map_err(|error| self.mistake(format!("cannot be read: {}", reason(&error))))
    }

    fn unexpected(&self, expected: &str) -> Mistake {
        let found = match self.raw.bytes().next() {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        };
        self.mistake(format!("expected {expected}, found {found}"))
    }
}

// === impl Members ===

impl<'a> Members<'a> {
    /// Takes the member `name` out. `null` counts as absent, as the service treats it.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node<'a>> {
        let nth = self.members.iter().position(|(member, _)| member == name)?;
        let (_, node) = self.members.remove(nth);
        (node.raw != "null").then_some(node)
    }

    /// Takes the member `name` out, which has to be there; `meaning` says what it is.
    pub(crate) fn need(&mut self, name: &str, meaning: &str) -> Result<Node<'a>, Mistake> {
        self.take(name).ok_or_else(|| self.owner.mistake(format!("missing member {name}: {meaning}")))
    }

    /// The object that has these members.
    pub(crate) fn owner(&self) -> &Node<'a> {
        &self.owner
    }

    /// The members not taken, in the order of the document, without those that are `null`.
    pub(crate) fn rest(mut self) -> Vec<(String, Node<'a>)> {
        self.members.retain(|(_, node)| node.raw != "null");
        self.members
    }
}

// === impl Mistakes ===

impl Mistakes {
    /// What was read, or nothing and one mistake more.
    pub(crate) fn note<T>(&mut self, read: Result<T, Mistake>) -> Option<T> {
        read.map_err(|mistake| self.0.push(mistake)).ok()
    }
}

// === impl Mistake ===

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

// === impl Pairs ===

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

/// The message of a parser's error, without its place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_blanked_outside_strings_only() {
        let text = "\u{feff}{ // é\n \"a//b\\\"\": /* 1\n2 */ \"/*x*/\" }";
        let document = Document::new(text);
        assert_eq!(document.0.len(), text.len());
        let root = document.root().unwrap();
        let mut members = root.members().unwrap();
        let node = members.take("a//b\"").unwrap();
        assert_eq!(node.string().unwrap(), "/*x*/");
        assert_eq!((node.mistake("").line, node.mistake("").column), (3, 6));
    }

    #[test]
    fn mistakes_tell_path_line_and_column_and_never_the_value() {
        let document = Document::new("{\n  \"a\": [ 1,\n   {\"key\": \"s3cret\"} ],\n  \"a\": 2}");
        let twice = document.root().unwrap().members().unwrap_err();
        assert_eq!(twice.to_string(), "line 4, column 8: a: duplicate member");

        let document = Document::new("{\"a\": [ 1,\n   {\"key\": \"s3cret\"} ]}");
        let items = document.root().unwrap().members().unwrap().take("a").unwrap().items().unwrap();
        let key = items[1].members().unwrap().take("key").unwrap();
        assert_eq!(
            key.members().unwrap_err().to_string(),
            "line 2, column 12: a[1].key: expected an object, found a string"
        );
        assert_eq!(
            items[0].string().unwrap_err().to_string(),
            "line 1, column 9: a[0]: expected a string, found a number"
        );
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        let mistake = Document::new("{\n  \"a\": tru}").root().unwrap_err();
        assert_eq!(mistake.to_string(), "line 2, column 11: invalid JSON: expected ident");
        assert!(Document::new("").root().is_err());
        assert!(Document::new("{} x").root().is_err());
    }
}
