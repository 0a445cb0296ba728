//! Texts that hold `${…}`, and trees of them.

use std::ops::Range;

use serde_json::{Map, Value};

use super::language::{Evaluation, Expression, Failure, end_of_string};

/// A text that may hold `${…}`, expressions whose values are put in their place.
#[derive(Debug)]
pub struct Template(Vec<Piece<Expression>>);

/// A value whose texts are templates.
#[derive(Debug)]
pub(super) enum Tree {
    /// A value without any `${…}`.
    Fixed(Value),
    /// A text: `${…}` alone keeps its type.
    Text(Template),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

/// A part of a template.
#[derive(Debug)]
pub(super) enum Piece<E> {
    Text(String),
    Value(E),
}

/// Splits `text` at its `${…}`, each given by the bytes between its braces. `$${` is a literal `${`.
///
/// The error is the byte of a `${` without an end.
pub(super) fn split(text: &str) -> Result<Vec<Piece<Range<usize>>>, usize> {
    let mut pieces = Vec::new();
    let (mut literal, mut at) = (String::new(), 0);
    while let Some(found) = text[at..].find("${").map(|found| at + found) {
        if text[at..found].ends_with('$') {
            literal.push_str(&text[at..found - 1]);
            literal.push_str("${");
            at = found + 2;
            continue;
        }
        literal.push_str(&text[at..found]);
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        let end = closing_brace(text.as_bytes(), found + 2).ok_or(found)?;
        pieces.push(Piece::Value(found + 2..end));
        at = end + 1;
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

/// The `}` that ends the expression which begins at `at`.
fn closing_brace(source: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match source.get(at)? {
            b'"' | b'\'' => {
                at = end_of_string(source, at);
                continue;
            }
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

// === impl Template ===

impl Template {
    pub(super) const fn new(pieces: Vec<Piece<Expression>>) -> Self {
        Self(pieces)
    }

    /// The text, when it holds no `${…}`.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The texts before, between and after its `${…}`. A `${settings.…}` in front counts as text, by the value that
    /// `setting` gives.
    #[must_use]
    pub fn literals(&self, setting: impl Fn(&str) -> String) -> Vec<String> {
        let mut literals = vec![self.leading_setting().map(setting).unwrap_or_default()];
        for piece in self.rest() {
            match (piece, literals.last_mut()) {
                (Piece::Text(text), Some(last)) => last.push_str(text),
                _ => literals.push(String::new()),
            }
        }
        literals
    }

    /// The expressions of its `${…}`, but for a setting in front.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.rest().iter().filter_map(|piece| match piece {
            Piece::Value(expression) => Some(expression),
            Piece::Text(_) => None,
        })
    }

    /// The setting that it begins with.
    pub(super) fn leading_setting(&self) -> Option<&str> {
        match self.0.first() {
            Some(Piece::Value(expression)) => expression.setting(),
            _ => None,
        }
    }

    /// The pieces, without a setting in front.
    fn rest(&self) -> &[Piece<Expression>] {
        &self.0[usize::from(self.leading_setting().is_some())..]
    }

    /// The text that it begins with, up to the first `${…}`.
    pub(super) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// The text, with each value in its place as `write` writes it, which is told whether the value comes first.
    pub(super) fn text(
        &self,
        evaluation: &Evaluation<'_, '_>,
        write: impl Fn(&str, bool) -> String,
    ) -> Result<String, Failure> {
        let mut text = String::new();
        for (index, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Value(expression) => {
                    let value = evaluation.json(expression)?;
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    text.push_str(&write(&value, index == 0));
                }
            }
        }
        Ok(text)
    }

    fn value(&self, evaluation: &Evaluation<'_, '_>) -> Result<Value, Failure> {
        match self.0.as_slice() {
            [Piece::Value(expression)] => evaluation.json(expression),
            _ => self.text(evaluation, |value, _| value.to_owned()).map(Value::from),
        }
    }
}

// === impl Tree ===

impl Tree {
    /// The value.
    pub(super) fn value(&self, evaluation: &Evaluation<'_, '_>) -> Result<Value, Failure> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Text(template) => template.value(evaluation),
            Self::List(trees) => trees.iter().map(|tree| tree.value(evaluation)).collect(),
            Self::Map(members) => {
                let members = members
                    .iter()
                    .map(|(name, tree)| tree.value(evaluation).map(|value| (name.clone(), value)));
                members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
        }
    }
}
