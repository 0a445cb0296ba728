//! The quick way through the expressions that rules are mostly made of: variables and their members compared
//! with constants.
//!
//! `cel` looks every name up in every scope and allocates for every call. A plan has looked its variables up
//! before, and allocates nothing. What it does not know it leaves to `cel`, and so whatever fails: nothing that
//! went wrong here is ever an answer.

use std::cmp::Ordering;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelMap, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Context, Value};
use regex::Regex;

use super::VARIABLES;
use super::functions::{BOUNDED, MOST, pattern_index};
use super::variables::Variables;

/// A way to evaluate an expression.
#[derive(Debug)]
pub(super) enum Plan {
    Variable(usize),
    Literal(LiteralValue),
    Member(Box<Plan>, CelString<'static>),
    Has(Box<Plan>, CelString<'static>),
    Index(Box<Plan>, Box<Plan>),
    Not(Box<Plan>),
    /// `&&`, which is decided by false, or `||`, which is decided by true.
    Logic(bool, Box<Plan>, Box<Plan>),
    Equal(bool, Box<Plan>, Box<Plan>),
    Compare(fn(Ordering) -> bool, Box<Plan>, Box<Plan>),
    In(Box<Plan>, Box<Plan>),
    Texts(fn(&str, &str) -> bool, Box<Plan>, Box<Plan>),
    Matches(Regex, Box<Plan>),
    /// What is left to `cel`.
    Other(Box<IdedExpr>),
}

/// What a plan gives.
pub(super) enum Planned<'s, 'v> {
    Bool(bool),
    Value(CowVal<'s, 'v>),
}

/// Plans `node`, whose look-ups are called `lookups` and its patterns numbered.
pub(super) fn plan(node: &IdedExpr, lookups: &[String], patterns: &[Regex]) -> Plan {
    let boxed = |node: &IdedExpr| Box::new(plan(node, lookups, patterns));
    let text = |text: &str| CelString::from(text.to_owned());
    let other = || Plan::Other(Box::new(node.clone()));
    match &node.expr {
        Expr::Ident(name) => {
            let mut names = VARIABLES.iter().copied().chain(lookups.iter().map(String::as_str));
            names.position(|known| known == name).map_or_else(other, Plan::Variable)
        }
        Expr::Literal(literal) => Plan::Literal(literal.clone()),
        Expr::Select(select) if select.test => Plan::Has(boxed(&select.operand), text(&select.field)),
        Expr::Select(select) => Plan::Member(boxed(&select.operand), text(&select.field)),
        Expr::Call(call) => match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [a, b]) => Plan::Logic(false, boxed(a), boxed(b)),
            (operators::LOGICAL_OR, None, [a, b]) => Plan::Logic(true, boxed(a), boxed(b)),
            (operators::LOGICAL_NOT, None, [a]) => Plan::Not(boxed(a)),
            (operators::EQUALS, None, [a, b]) => Plan::Equal(true, boxed(a), boxed(b)),
            (operators::NOT_EQUALS, None, [a, b]) => Plan::Equal(false, boxed(a), boxed(b)),
            (operators::LESS, None, [a, b]) => Plan::Compare(Ordering::is_lt, boxed(a), boxed(b)),
            (operators::LESS_EQUALS, None, [a, b]) => Plan::Compare(Ordering::is_le, boxed(a), boxed(b)),
            (operators::GREATER, None, [a, b]) => Plan::Compare(Ordering::is_gt, boxed(a), boxed(b)),
            (operators::GREATER_EQUALS, None, [a, b]) => Plan::Compare(Ordering::is_ge, boxed(a), boxed(b)),
            (operators::IN, None, [a, b]) => Plan::In(boxed(a), boxed(b)),
            (operators::INDEX, None, [a, b]) => Plan::Index(boxed(a), boxed(b)),
            ("contains", Some(a), [b]) => Plan::Texts(|a, b| a.contains(b), boxed(a), boxed(b)),
            ("startsWith", Some(a), [b]) => Plan::Texts(|a, b| a.starts_with(b), boxed(a), boxed(b)),
            ("endsWith", Some(a), [b]) => Plan::Texts(|a, b| a.ends_with(b), boxed(a), boxed(b)),
            ("matches", Some(text), [expected]) | ("matches", None, [text, expected]) => {
                let pattern = pattern_index(expected).and_then(|index| patterns.get(index));
                match (pattern, unbound(text)) {
                    (Some(pattern), Some(text)) => Plan::Matches(pattern.clone(), boxed(text)),
                    _ => other(),
                }
            }
            _ => other(),
        },
        _ => other(),
    }
}

/// What stands inside the bound around `node`.
fn unbound(node: &IdedExpr) -> Option<&IdedExpr> {
    match &node.expr {
        Expr::Call(call) if call.func_name == BOUNDED => call.args.first(),
        _ => None,
    }
}

// === impl Plan ===

impl Plan {
    /// What it gives; `None` when it fails.
    pub(super) fn evaluate<'s, 'v>(
        &'s self,
        variables: &'v Variables<'_>,
        context: &'s Context<'_, 'v>,
    ) -> Option<Planned<'s, 'v>> {
        let value = |plan: &'s Self| plan.value(variables, context);
        let boolean = |plan: &'s Self| plan.boolean(variables, context);
        let truth = match self {
            Self::Variable(index) => return Some(Planned::Value(CowVal::Borrowed(variables.at(*index)?))),
            Self::Literal(literal) => return Some(Planned::Value(literal.to_val())),
            Self::Member(inner, name) => return member(value(inner)?, name),
            Self::Index(inner, index) => return member(value(inner)?, &*value(index)?),
            Self::Other(node) => return Value::resolve_val(node, context).ok().map(Planned::Value),
            Self::Has(inner, name) => match value(inner)? {
                // Only of a map a missing member is an answer that costs nothing.
                CowVal::Borrowed(map) => map.downcast_ref::<CelMap>()?.as_container()?.contains(name).ok()?,
                CowVal::Owned(_) => return None,
            },
            Self::Not(inner) => !boolean(inner)?,
            Self::Logic(decides, a, b) => match boolean(a) {
                Some(a) if a == *decides => a,
                Some(_) => boolean(b)?,
                None => boolean(b).filter(|b| b == decides)?,
            },
            Self::Equal(expected, a, b) => (value(a)? == value(b)?) == *expected,
            Self::Compare(is, a, b) => is(value(a)?.as_comparer()?.compare(&*value(b)?).ok()?),
            Self::In(a, b) => value(b)?.as_container()?.contains(&*value(a)?).ok()?,
            Self::Texts(is, a, b) => {
                is(value(a)?.downcast_ref::<CelString>()?, value(b)?.downcast_ref::<CelString>()?)
            }
            Self::Matches(pattern, text) => {
                let text = value(text)?;
                let text = text.downcast_ref::<CelString>()?.inner();
                (text.len() <= MOST).then(|| pattern.is_match(text))?
            }
        };
        Some(Planned::Bool(truth))
    }

    fn value<'s, 'v>(
        &'s self,
        variables: &'v Variables<'_>,
        context: &'s Context<'_, 'v>,
    ) -> Option<CowVal<'s, 'v>> {
        self.evaluate(variables, context).map(Planned::into_value)
    }

    fn boolean<'v>(&self, variables: &'v Variables<'_>, context: &Context<'_, 'v>) -> Option<bool> {
        self.evaluate(variables, context)?.boolean()
    }
}

fn member<'s, 'v>(value: CowVal<'s, 'v>, name: &dyn Val) -> Option<Planned<'s, 'v>> {
    match value {
        CowVal::Borrowed(value) => value.as_indexer()?.get(name).ok().map(Planned::Value),
        CowVal::Owned(_) => None,
    }
}

// === impl Planned ===

impl<'s, 'v> Planned<'s, 'v> {
    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::Value(value) => value.downcast_ref::<CelBool>().map(|truth| *truth.inner()),
        }
    }

    pub(super) fn into_value(self) -> CowVal<'s, 'v> {
        match self {
            Self::Bool(truth) => CowVal::owned(CelBool::from(truth)),
            Self::Value(value) => value,
        }
    }
}
