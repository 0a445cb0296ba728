//! The rules file understood: expressions compiled, names known, or mistakes with their places.

use serde_json::Value;

use super::file::{
    INITIAL_TWIN, LookupEntry, LookupEntrySpec, OutcomeEntry, PROPERTIES, RuleEntry, RulesFile, object,
};
use super::language::{Compiler, Expression, Language, Scope, VARIABLES};
use super::lookup::{Lookup, LookupSpec};
use super::place::Mistakes;
use super::template::{Piece, Template, Tree, split};
use super::text::Text;
use super::yaml::{Node, Yaml};
use super::{Outcome, Rule, Rules};

/// Compiles `file`, read from `source`.
pub(super) fn compile(file: RulesFile, source: &str, mistakes: &mut Mistakes) -> Option<Rules> {
    let names: Vec<String> = file.lookups.iter().map(|lookup| lookup.name.name.clone()).collect();
    let mut reader = Reader { source, compiler: Compiler::new(names.clone()), mistakes };
    let lookups: Vec<_> = file.lookups.into_iter().map(|lookup| reader.lookup(lookup)).collect();
    let rules: Vec<_> =
        file.rules.into_iter().enumerate().map(|(index, rule)| reader.rule(index + 1, rule)).collect();
    let language: Language = reader.compiler.finish();
    let (lookups, rules) =
        (lookups.into_iter().collect::<Option<_>>(), rules.into_iter().collect::<Option<_>>());
    Some(Rules { names, lookups: lookups?, rules: rules?, language })
}

struct Reader<'r> {
    source: &'r str,
    compiler: Compiler,
    mistakes: &'r mut Mistakes,
}

// === impl Reader ===

impl Reader<'_> {
    fn rule(&mut self, number: usize, rule: RuleEntry) -> Option<Rule> {
        let label = rule.name.map_or_else(|| format!("Rule {number}"), |name| format!("Rule {:?}", &*name));
        let when = rule.when.map(|when| self.expression(&when, Scope::Rule));
        let outcome = rule.outcome.and_then(|outcome| {
            Some(match outcome {
                OutcomeEntry::Hub(hub) => Outcome::Hub(self.expression(&hub, Scope::Rule)?),
                OutcomeEntry::Refuse(words) => Outcome::Refuse(self.template(&words, Scope::Rule)?),
                OutcomeEntry::AskAgain(words) => Outcome::AskAgain(self.template(&words, Scope::Rule)?),
            })
        });
        let initial_twin = rule.initial_twin.map(|twin| self.initial_twin(&twin));
        let payload = rule.payload.map(|payload| {
            self.object_or_text("payload", &payload);
            self.tree(&payload)
        });
        let note = rule.note.map(|note| self.template(&note, Scope::Rule));
        Some(Rule {
            label,
            when: transposed(when)?,
            outcome: outcome?,
            initial_twin: transposed(initial_twin)?,
            payload: transposed(payload)?,
            note: transposed(note)?,
        })
    }

    fn initial_twin(&mut self, twin: &Node) -> Option<Tree> {
        self.object_or_text("initialTwin", twin);
        if matches!(twin.value, Yaml::Map(_))
            && let Some(members) = INITIAL_TWIN.members_of(twin, &mut Mistakes::default())
        {
            INITIAL_TWIN.members_of(twin, self.mistakes);
            let tags = members.get("tags");
            tags.iter().for_each(|tags| self.object_or_text("tags", tags));
            if let Some(properties) = members.get("properties") {
                self.object_or_text("properties", properties);
                if matches!(properties.value, Yaml::Map(_))
                    && let Some(members) = PROPERTIES.members_of(properties, self.mistakes)
                {
                    members.get("desired").iter().for_each(|desired| self.object_or_text("desired", desired));
                }
            }
        }
        self.tree(twin)
    }

    /// An object, or a text that is one `${…}`, whose value may be an object.
    fn object_or_text(&mut self, name: &str, node: &Node) {
        let may_be_object = match &node.value {
            Yaml::Map(_) => true,
            Yaml::Text(text) => !matches!(split(text).as_deref(), Ok([Piece::Text(_), ..] | [_, _, ..])),
            _ => false,
        };
        if !may_be_object {
            self.mistakes.add(node.place, format!("{name}: expected an object, found {}", node.value.kind()));
        }
    }

    fn tree(&mut self, node: &Node) -> Option<Tree> {
        Some(match &node.value {
            Yaml::Null => Tree::Fixed(Value::Null),
            Yaml::Bool(value) => Tree::Fixed(Value::from(*value)),
            Yaml::Number(number) => Tree::Fixed(Value::Number(number.clone())),
            Yaml::Text(text) => {
                let text = Text::new(text.clone(), node.place, node.bytes.clone());
                let template = self.template(&text, Scope::Rule)?;
                match template.fixed() {
                    Some(text) => Tree::Fixed(Value::from(text)),
                    None => Tree::Text(template),
                }
            }
            Yaml::List(nodes) => {
                let trees: Vec<Option<Tree>> = nodes.iter().map(|node| self.tree(node)).collect();
                Tree::List(trees.into_iter().collect::<Option<_>>()?)
            }
            Yaml::Map(_) => {
                let members = object("an object", node, self.mistakes)?;
                let trees: Vec<Option<(String, Tree)>> = members
                    .into_iter()
                    .map(|(key, node)| self.tree(node).map(|tree| (key.name.clone(), tree)))
                    .collect();
                Tree::Map(trees.into_iter().collect::<Option<_>>()?)
            }
        })
    }

    fn lookup(&mut self, LookupEntry { name, spec }: LookupEntry) -> Option<Lookup> {
        if !is_identifier(&name.name) {
            let words = format!("{:?} cannot be a look-up's name: expected letters, digits and _", name.name);
            self.mistakes.add(name.place, words);
        } else if VARIABLES.contains(&name.name.as_str()) || self.compiler.is_reserved(&name.name) {
            let words = format!("{:?} cannot be a look-up's name: it has a meaning of its own", name.name);
            self.mistakes.add(name.place, words);
        }
        let spec = match spec? {
            LookupEntrySpec::File { file, key } => LookupSpec::File { file, key },
            LookupEntrySpec::Input { binding } => LookupSpec::Input { binding },
            LookupEntrySpec::Http { url, audience, headers } => {
                let template = self.url(&url);
                let audience = audience.map(|audience| self.template(&audience, Scope::Lookup));
                LookupSpec::Http { url: template?, audience: transposed(audience)?, headers }
            }
            LookupEntrySpec::Sql { query, parameters, url } => {
                if let Some(at) = query.find("${") {
                    let place = query.place_of(self.source, at);
                    self.mistakes.add(place, "sql: values come by parameters and $1, $2, …, never by ${…}");
                }
                let parameters: Vec<Option<Expression>> =
                    parameters.iter().map(|parameter| self.expression(parameter, Scope::Lookup)).collect();
                LookupSpec::Sql { query, parameters: parameters.into_iter().collect::<Option<_>>()?, url }
            }
        };
        Some(Lookup { name: name.name, place: name.place, spec })
    }

    /// The address of a service. Its host must not come from a request.
    fn url(&mut self, text: &Text) -> Option<Template> {
        let template = self.template(text, Scope::Lookup)?;
        let beginning = template.beginning();
        let host = beginning.strip_prefix("https://").or_else(|| beginning.strip_prefix("http://"));
        let host_is_fixed = match host {
            Some(host) => !host.is_empty() && (host.contains(['/', '?']) || template.fixed().is_some()),
            None => beginning.is_empty() && template.leading_setting().is_some(),
        };
        if !host_is_fixed {
            let words = "http: expected https:// or http:// and a host, or a ${settings.…} that begins so";
            self.mistakes.add(text.place, words);
        }
        Some(template)
    }

    fn expression(&mut self, text: &Text, scope: Scope) -> Option<Expression> {
        self.expression_in(text, 0..text.len(), scope)
    }

    /// The expression that stands at `bytes` of `text`.
    fn expression_in(
        &mut self,
        text: &Text,
        bytes: std::ops::Range<usize>,
        scope: Scope,
    ) -> Option<Expression> {
        let start = bytes.start;
        match self.compiler.compile(text.get(bytes).unwrap_or_default(), scope) {
            Ok(expression) => Some(expression),
            Err(flaws) => {
                for flaw in flaws {
                    self.mistakes.add(text.place_of(self.source, start + flaw.at), flaw.words);
                }
                None
            }
        }
    }

    fn template(&mut self, text: &Text, scope: Scope) -> Option<Template> {
        let pieces = match split(text) {
            Ok(pieces) => pieces,
            Err(at) => {
                self.mistakes.add(
                    text.place_of(self.source, at),
                    "\"${\" without its \"}\"; \"$${\" is a literal \"${\"",
                );
                return None;
            }
        };
        let pieces: Vec<Option<Piece<Expression>>> = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(piece) => Some(Piece::Text(piece)),
                Piece::Value(bytes) => self.expression_in(text, bytes, scope).map(Piece::Value),
            })
            .collect();
        pieces.into_iter().collect::<Option<_>>().map(Template::new)
    }
}

/// `None` when something is there and has a mistake.
fn transposed<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
