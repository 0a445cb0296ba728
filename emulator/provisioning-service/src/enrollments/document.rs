//! A JSON document with comments, read so that all mistakes in it are reported at once, each with its place.
//!
//! What reads a [`Node`] answers `None` when there is a mistake, and has noted it in the document.

use std::cell::RefCell;

use jsonc_parser::ast::{self, Object};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use crate::enrollments::mistake::Mistake;

/// JSON, and comments.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// A document, and what was found in it so far.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    text: &'t str,
    /// The outermost value.
    pub(crate) root: ast::Value<'t>,
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Mistake>>,
}

/// One value of a document, with the path that leads to it, such as `enrollmentGroups[0].iotHubs`.
#[derive(Clone, Debug)]
pub(crate) struct Node<'d> {
    document: &'d Document<'d>,
    value: &'d ast::Value<'d>,
    path: String,
}

/// The members of an object that are not `null`, taken one by one; what is left at the end is unknown.
#[derive(Debug)]
pub(crate) struct Members<'d> {
    owner: Node<'d>,
    members: Vec<(&'d str, Node<'d>)>,
}

// === impl Document ===

impl<'t> Document<'t> {
    /// Parses `text`.
    ///
    /// # Errors
    ///
    /// It is not JSON: the first place where it is not.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Mistake> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let invalid = |line, column, reason: &str| Mistake {
            path: String::new(),
            line,
            column,
            problem: format!("invalid JSON: {reason}"),
        };
        let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS).map_err(|error| {
            let mut reason = error.kind().to_string();
            if let Some(first) = reason.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            invalid(error.line_display(), error.column_display(), &reason)
        })?;
        let root = parsed.value.ok_or_else(|| invalid(1, 1, "expected an object, found nothing"))?;
        Ok(Self { text, root, mistakes: RefCell::default(), warnings: RefCell::default() })
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> Node<'_> {
        Node { document: self, value: &self.root, path: String::new() }
    }

    /// What is wrong, and what is probably not intended, both in the order of the file.
    pub(crate) fn findings(self) -> (Vec<Mistake>, Vec<Mistake>) {
        let in_order = |found: RefCell<Vec<Mistake>>| {
            let mut found = found.into_inner();
            found.sort_by_key(|mistake| (mistake.line, mistake.column));
            found
        };
        (in_order(self.mistakes), in_order(self.warnings))
    }
}

// === impl Node ===

impl<'d> Node<'d> {
    /// Notes a mistake at this place.
    pub(crate) fn mistake(&self, problem: impl Into<String>) {
        self.document.mistakes.borrow_mut().push(self.finding(problem.into()));
    }

    /// Notes at this place what is allowed, but probably not intended.
    pub(crate) fn warning(&self, problem: impl Into<String>) {
        self.document.warnings.borrow_mut().push(self.finding(problem.into()));
    }

    /// The members of this object, each name once.
    pub(crate) fn members(&self) -> Option<Members<'d>> {
        let ast::Value::Object(object) = self.value else { return self.unexpected("an object") };
        let mut members: Vec<(&str, Node<'_>)> = Vec::with_capacity(object.properties.len());
        for (name, node) in self.children(object) {
            if members.iter().any(|(earlier, _)| *earlier == name) {
                node.mistake("duplicate member");
            } else {
                members.push((name, node));
            }
        }
        members.retain(|(_, node)| node.value.as_null_keyword().is_none());
        Some(Members { owner: self.clone(), members })
    }

    /// The elements of this array.
    pub(crate) fn items(&self) -> Option<Vec<Node<'d>>> {
        let ast::Value::Array(array) = self.value else { return self.unexpected("an array") };
        let elements = array.elements.iter().enumerate();
        Some(elements.map(|(nth, value)| self.child(value, format!("{}[{nth}]", self.path))).collect())
    }

    /// This string.
    pub(crate) fn string(&self) -> Option<&'d str> {
        match self.value {
            ast::Value::StringLit(string) => Some(&string.value),
            _ => self.unexpected("a string"),
        }
    }

    /// This string, for which `valid` holds; `rule` says what was expected otherwise.
    pub(crate) fn string_that(&self, valid: impl Fn(&str) -> bool, rule: &str) -> Option<&'d str> {
        let string = self.string()?;
        if valid(string) {
            return Some(string);
        }
        self.mistake(rule);
        None
    }

    /// This `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.value {
            ast::Value::BooleanLit(boolean) => Some(boolean.value),
            _ => self.unexpected("true or false"),
        }
    }

    /// This whole number.
    pub(crate) fn number(&self) -> Option<u32> {
        let number = self.value.as_number_lit().and_then(|number| number.value.parse().ok());
        number.or_else(|| self.unexpected("a whole number of 0 or more"))
    }

    /// This value, whatever it is.
    pub(crate) fn value(&self) -> Value {
        match self.value {
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::BooleanLit(boolean) => boolean.value.into(),
            ast::Value::StringLit(string) => string.value.as_ref().into(),
            ast::Value::NumberLit(number) => serde_json::from_str(number.value).unwrap_or_else(|_| {
                self.mistake("expected a number of JSON that is not too large");
                Value::Null
            }),
            ast::Value::Array(_) => self.items().unwrap_or_default().iter().map(Node::value).collect(),
            ast::Value::Object(object) => {
                self.children(object).map(|(name, node)| (name.to_owned(), node.value())).collect()
            }
        }
    }

    /// Whether this is a string, as opposed to something with members.
    pub(crate) fn is_string(&self) -> bool {
        self.value.as_string_lit().is_some()
    }

    fn children(&self, object: &'d Object<'d>) -> impl Iterator<Item = (&'d str, Node<'d>)> {
        object.properties.iter().map(|property| {
            let name = property.name.as_str();
            let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
            (name, self.child(&property.value, path))
        })
    }

    fn child(&self, value: &'d ast::Value<'d>, path: String) -> Self {
        Self { document: self.document, value, path }
    }

    fn unexpected<T>(&self, expected: &str) -> Option<T> {
        let found = match self.value {
            ast::Value::Object(_) => "an object",
            ast::Value::Array(_) => "an array",
            ast::Value::StringLit(_) => "a string",
            ast::Value::BooleanLit(_) => "a boolean",
            ast::Value::NullKeyword(_) => "null",
            ast::Value::NumberLit(_) => "a number",
        };
        self.mistake(format!("expected {expected}, found {found}"));
        None
    }

    fn finding(&self, problem: String) -> Mistake {
        let before = self.document.text.get(..self.value.start()).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Mistake {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            problem,
        }
    }
}

// === impl Members ===

impl<'d> Members<'d> {
    /// Takes the member `name` out. `null` counts as absent, as the service treats it.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node<'d>> {
        let nth = self.members.iter().position(|(member, _)| *member == name)?;
        Some(self.members.remove(nth).1)
    }

    /// Takes the member `name` out, which has to be there; `meaning` says what it is.
    pub(crate) fn need(&mut self, name: &str, meaning: &str) -> Option<Node<'d>> {
        let node = self.take(name);
        if node.is_none() {
            self.owner.mistake(format!("missing member {name}: {meaning}"));
        }
        node
    }

    /// The object that has these members.
    pub(crate) fn owner(&self) -> &Node<'d> {
        &self.owner
    }

    /// The members not taken, in the order of the document.
    pub(crate) fn rest(self) -> Vec<(&'d str, Node<'d>)> {
        self.members
    }
}
