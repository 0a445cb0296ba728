//! The rules file as it is written: its members, none of them understood yet.
//!
//! A member that is not known, is there twice or has the wrong type is a mistake; reading goes on, so that
//! one reading finds all of them.

use super::place::{Mistakes, Place};
use super::text::Text;
use super::yaml::{Key, Node, Yaml};

/// A rules file.
#[derive(Debug, Default)]
pub(super) struct RulesFile {
    pub(super) lookups: Vec<LookupEntry>,
    pub(super) rules: Vec<RuleEntry>,
}

/// A look-up.
#[derive(Debug)]
pub(super) struct LookupEntry {
    pub(super) name: Key,
    /// `None` when it has a mistake; its name is known all the same.
    pub(super) spec: Option<LookupEntrySpec>,
}

/// What a look-up asks.
#[derive(Debug)]
pub(super) enum LookupEntrySpec {
    File { file: Text, key: Text },
    Input { binding: Text },
    Http { url: Text, audience: Option<Text>, headers: Vec<(Text, Text)> },
    Sql { query: Text, parameters: Vec<Text>, url: Text },
}

/// A rule.
#[derive(Debug)]
pub(super) struct RuleEntry {
    pub(super) name: Option<Text>,
    pub(super) when: Option<Text>,
    pub(super) outcome: Option<OutcomeEntry>,
    pub(super) initial_twin: Option<Node>,
    pub(super) payload: Option<Node>,
    pub(super) note: Option<Text>,
}

/// What a rule decides.
#[derive(Debug)]
pub(super) enum OutcomeEntry {
    Hub(Text),
    Refuse(Text),
    AskAgain(Text),
}

const FILE: Kind = Kind { name: "the file", members: &["lookups", "rules"] };
const RULE: Kind = Kind {
    name: "a rule",
    members: &["name", "when", "hub", "refuse", "askAgain", "initialTwin", "payload", "note"],
};
const OUTCOMES: &[&str] = &["hub", "refuse", "askAgain"];
/// The kinds of look-ups; each is called like its first member.
const LOOKUPS: [Kind; 4] = [
    Kind { name: "a look-up in a file", members: &["file", "key"] },
    Kind { name: "a look-up in an input", members: &["input"] },
    Kind { name: "a look-up by HTTP", members: &["http", "audience", "header"] },
    Kind { name: "a look-up by SQL", members: &["sql", "parameters", "url"] },
];
pub(super) const INITIAL_TWIN: Kind = Kind { name: "a twin", members: &["tags", "properties"] };
pub(super) const PROPERTIES: Kind = Kind { name: "a new twin's properties", members: &["desired"] };

/// A kind of object, and the members that it may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    name: &'static str,
    members: &'static [&'static str],
}

/// The members of one object.
pub(super) struct Members<'n> {
    place: Place,
    kind: &'static str,
    members: Vec<(&'n Key, &'n Node)>,
}

/// Reads the file's members.
pub(super) fn read(root: &Node, source: &str, mistakes: &mut Mistakes) -> RulesFile {
    let mut reader = Reader { source, mistakes };
    let mut file = RulesFile::default();
    let Some(members) = FILE.members_of(root, reader.mistakes) else { return file };
    if let Some(lookups) = members.get("lookups") {
        file.lookups = reader.lookups(lookups);
    }
    match members.get("rules").map(|rules| (rules, &rules.value)) {
        Some((_, Yaml::List(rules))) => {
            file.rules = rules.iter().filter_map(|rule| reader.rule(rule)).collect()
        }
        Some((rules, other)) => {
            reader.mistakes.add(rules.place, format!("rules: expected a list, found {}", other.kind()))
        }
        None => reader.mistakes.add(root.place, "the file has no rules"),
    }
    file
}

struct Reader<'r> {
    source: &'r str,
    mistakes: &'r mut Mistakes,
}

// === impl Kind ===

impl Kind {
    /// The members of `node`, each known and there once.
    pub(super) fn members_of<'n>(&self, node: &'n Node, mistakes: &mut Mistakes) -> Option<Members<'n>> {
        let members = object(self.name, node, mistakes)?;
        for (key, _) in &members {
            if !self.members.contains(&key.name.as_str()) {
                let known = self.members.join(", ");
                mistakes.add(key.place, format!("unknown member {:?}; {} has {known}", key.name, self.name));
            }
        }
        Some(Members { place: node.place, kind: self.name, members })
    }
}

/// The members of the object `node`, each there once.
pub(super) fn object<'n>(
    name: &str,
    node: &'n Node,
    mistakes: &mut Mistakes,
) -> Option<Vec<(&'n Key, &'n Node)>> {
    let Yaml::Map(members) = &node.value else {
        mistakes.add(node.place, format!("expected {name}, an object; found {}", node.value.kind()));
        return None;
    };
    let mut once: Vec<(&Key, &Node)> = Vec::with_capacity(members.len());
    let mut names = std::collections::BTreeSet::new();
    for (key, value) in members {
        if names.insert(key.name.as_str()) {
            once.push((key, value));
        } else {
            mistakes.add(key.place, format!("the member {:?} is here twice", key.name));
        }
    }
    Some(once)
}

// === impl Members ===

impl<'n> Members<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.members.iter().find(|(key, _)| key.name == name).map(|(_, node)| *node)
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn rule(&mut self, node: &Node) -> Option<RuleEntry> {
        let members = RULE.members_of(node, self.mistakes)?;
        let outcome = self.outcome(&members);
        let outcomes = OUTCOMES.iter().filter(|name| members.get(name).is_some()).count();
        if outcomes == 1 && members.get("hub").is_none() {
            for name in ["initialTwin", "payload"] {
                if let Some(node) = members.get(name) {
                    self.mistakes.add(node.place, format!("{name}: only a rule with a hub has one"));
                }
            }
        }
        Some(RuleEntry {
            name: self.text_if_any(&members, "name"),
            when: self.text_if_any(&members, "when"),
            outcome,
            initial_twin: members.get("initialTwin").cloned(),
            payload: members.get("payload").cloned(),
            note: self.text_if_any(&members, "note"),
        })
    }

    fn outcome(&mut self, members: &Members<'_>) -> Option<OutcomeEntry> {
        let named: Vec<&str> = OUTCOMES.iter().copied().filter(|name| members.get(name).is_some()).collect();
        match named.as_slice() {
            [] => {
                self.mistakes.add(members.place, "the rule has no outcome: expected hub, refuse or askAgain")
            }
            [_] => {}
            several => {
                let words = format!(
                    "the rule has {} outcomes, {}: expected one",
                    several.len(),
                    several.join(" and ")
                );
                self.mistakes.add(members.place, words);
            }
        }
        let hub = self.text_if_any(members, "hub").map(OutcomeEntry::Hub);
        let refuse = self.text_if_any(members, "refuse").map(OutcomeEntry::Refuse);
        let ask_again = self.text_if_any(members, "askAgain").map(OutcomeEntry::AskAgain);
        hub.or(refuse).or(ask_again)
    }

    fn lookups(&mut self, node: &Node) -> Vec<LookupEntry> {
        let Some(members) = object("the look-ups", node, self.mistakes) else { return Vec::new() };
        let lookups = members
            .into_iter()
            .map(|(name, node)| LookupEntry { name: name.clone(), spec: self.lookup(node) });
        lookups.collect()
    }

    fn lookup(&mut self, node: &Node) -> Option<LookupEntrySpec> {
        let Yaml::Map(members) = &node.value else {
            self.mistakes
                .add(node.place, format!("expected a look-up, an object; found {}", node.value.kind()));
            return None;
        };
        let kinds: Vec<&Kind> = LOOKUPS
            .iter()
            .filter(|kind| {
                kind.members.first().is_some_and(|first| members.iter().any(|(key, _)| key.name == *first))
            })
            .collect();
        let &[kind] = kinds.as_slice() else {
            let kinds = if kinds.is_empty() { "no kind" } else { "more than one kind" };
            let words = format!("the look-up has {kinds}: expected one of file, input, http and sql");
            self.mistakes.add(node.place, words);
            return None;
        };
        let members = kind.members_of(node, self.mistakes)?;
        match kind.members.first().copied() {
            Some("file") => {
                let (file, key) = (self.text(&members, "file"), self.text(&members, "key"));
                Some(LookupEntrySpec::File { file: file?, key: key? })
            }
            Some("input") => Some(LookupEntrySpec::Input { binding: self.text(&members, "input")? }),
            Some("http") => {
                let url = self.text(&members, "http");
                let audience = self.text_if_any(&members, "audience");
                let headers = members.get("header").map(|node| self.headers(node)).unwrap_or_default();
                Some(LookupEntrySpec::Http { url: url?, audience, headers })
            }
            _ => {
                let (query, url) = (self.text(&members, "sql"), self.text(&members, "url"));
                let parameters =
                    members.get("parameters").map(|node| self.parameters(node)).unwrap_or_default();
                Some(LookupEntrySpec::Sql { query: query?, parameters, url: url? })
            }
        }
    }

    fn headers(&mut self, node: &Node) -> Vec<(Text, Text)> {
        let Some(members) = object("the headers", node, self.mistakes) else { return Vec::new() };
        let headers = members.into_iter().filter_map(|(name, node)| {
            let setting = self.scalar(&name.name, node)?;
            Some((Text::new(name.name.clone(), name.place, 0..0), setting))
        });
        headers.collect()
    }

    fn parameters(&mut self, node: &Node) -> Vec<Text> {
        let Yaml::List(parameters) = &node.value else {
            self.mistakes
                .add(node.place, format!("parameters: expected a list, found {}", node.value.kind()));
            return Vec::new();
        };
        parameters.iter().filter_map(|node| self.scalar("parameters", node)).collect()
    }

    /// A text that must be there.
    fn text(&mut self, members: &Members<'_>, name: &str) -> Option<Text> {
        if members.get(name).is_none() {
            self.mistakes.add(members.place, format!("{} has no {name}", members.kind));
        }
        self.text_if_any(members, name)
    }

    fn text_if_any(&mut self, members: &Members<'_>, name: &str) -> Option<Text> {
        members.get(name).and_then(|node| self.scalar(name, node))
    }

    /// A text, or what YAML takes for a number or a boolean: `when: true` is an expression like any other.
    fn scalar(&mut self, name: &str, node: &Node) -> Option<Text> {
        let value = match &node.value {
            Yaml::Text(text) => text.clone(),
            Yaml::Bool(_) | Yaml::Number(_) => {
                self.source.get(node.bytes.clone()).unwrap_or_default().to_owned()
            }
            other => {
                self.mistakes.add(node.place, format!("{name}: expected a text, found {}", other.kind()));
                return None;
            }
        };
        Some(Text::new(value, node.place, node.bytes.clone()))
    }
}
