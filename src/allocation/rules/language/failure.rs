//! Why an expression has no value: in words that hold nothing of the request but names the rule itself has.

use std::fmt;

use cel::common::ast::{Expr, IdedExpr, operators};
use cel::common::value::Val;
use cel::{Context, ExecutionError, OverloadError, Value};

use super::check::children;
use super::extent::is_wrapper;
use super::functions::{BOUNDED, ITERABLE, SPREAD};
use super::variables::Unreadable;
use super::{Expression, type_name};
use crate::allocation::Refusal;

/// Why an expression has no value, or not one that could be used. `Display` is a sentence without its end.
#[derive(Clone, Debug)]
pub(in super::super) enum Failure {
    /// What it names of the request cannot be read.
    Unreadable(Unreadable),
    /// A part of it has no value.
    NoValue {
        /// The part, as written.
        source: String,
        /// Why.
        words: String,
    },
    /// Its value is of another type than expected.
    WrongType {
        /// What was expected.
        expected: &'static str,
        /// What it was.
        found: &'static str,
    },
}

/// Says why `expression` failed: looks for the smallest part of it that fails.
pub(super) fn explain(expression: &Expression, error: ExecutionError, context: &Context<'_, '_>) -> Failure {
    let (node, error) = culprit(&expression.root, error, context);
    let source = expression.source_of(node).to_owned();
    let words = words(expression, node, &error, context);
    Failure::NoValue { source, words }
}

/// `expression` gave a value that JSON cannot hold.
pub(super) fn no_json(expression: &Expression, found: &'static str) -> Failure {
    let source = expression.source_of(&expression.root).to_owned();
    Failure::NoValue { source, words: format!("{found} cannot be written as JSON") }
}

fn culprit<'n>(
    node: &'n IdedExpr,
    error: ExecutionError,
    context: &Context<'_, '_>,
) -> (&'n IdedExpr, ExecutionError) {
    for child in evaluated(node, context) {
        if let Err(error) = Value::resolve_val(child, context) {
            // A bound around a part is no part of its own: what exceeds it fails the function that it is for.
            return match &child.expr {
                Expr::Call(call) if is_wrapper(&call.func_name) => {
                    let (inner, error) = culprit(child, error, context);
                    (if std::ptr::eq(inner, child) { node } else { inner }, error)
                }
                _ => culprit(child, error, context),
            };
        }
    }
    (node, error)
}

/// The children of `node` that are evaluated when it is.
fn evaluated<'n>(node: &'n IdedExpr, context: &Context<'_, '_>) -> Vec<&'n IdedExpr> {
    let mut children = children(node);
    if let Expr::Call(call) = &node.expr
        && call.func_name == operators::CONDITIONAL
        && let [condition, then, otherwise] = call.args.as_slice()
    {
        let truth = Value::resolve_val(condition, context).ok();
        let truth = truth.and_then(|truth| {
            truth.downcast_ref::<cel::common::types::CelBool>().map(|truth| *truth.inner())
        });
        children = match truth {
            Some(true) => vec![then],
            Some(false) => vec![otherwise],
            None => vec![condition],
        };
    }
    // `optional` of `optional.of` is no variable, and what cannot be named has no value.
    children
        .retain(|child| !matches!(&child.expr, Expr::Ident(name) if context.get_variable(name).is_none()));
    children
}

fn words(
    expression: &Expression,
    node: &IdedExpr,
    error: &ExecutionError,
    context: &Context<'_, '_>,
) -> String {
    match error {
        ExecutionError::NoSuchKey(_) => match &node.expr {
            Expr::Select(select) => {
                format!("{} has no member {:?}", expression.source_of(&select.operand), select.field)
            }
            Expr::Comprehension(_) => "an entry lacks a member that is read".to_owned(),
            _ => "there is no such member".to_owned(),
        },
        ExecutionError::IndexOutOfBounds(_) => {
            let list = children(node).first().and_then(|list| Value::resolve_val(list, context).ok());
            let size = list.as_ref().and_then(|list| list.as_sizer()).map(|sizer| *sizer.size().inner());
            match size {
                Some(0) => "the list is empty".to_owned(),
                Some(size) => format!("the list has {size} entries, counted from 0"),
                None => "there is no such entry".to_owned(),
            }
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "the number is too large".to_owned(),
        ExecutionError::DuplicateKey(_) => "two members have one name".to_owned(),
        ExecutionError::FunctionError { function, message } if is_own(function) => message.clone(),
        ExecutionError::FunctionError { function, .. } => {
            format!("{function:?} cannot take {}", operands(node, context).join(" and "))
        }
        ExecutionError::NoSuchOverload(overload) => cannot_take(expression, node, Some(overload), context),
        _ => cannot_take(expression, node, None, context),
    }
}

fn is_own(function: &str) -> bool {
    [BOUNDED, ITERABLE, SPREAD, "spread"].contains(&function)
}

fn cannot_take(
    expression: &Expression,
    node: &IdedExpr,
    overload: Option<&OverloadError>,
    context: &Context<'_, '_>,
) -> String {
    let mut operands = operands(node, context);
    match &node.expr {
        Expr::Select(select) => {
            let operand = expression.source_of(&select.operand);
            match operands.first() {
                Some(&"null") | None => format!("{operand} is null"),
                Some(kind) => format!("{operand} is {kind}, which has no members"),
            }
        }
        Expr::Comprehension(_) => match operands.first() {
            Some(&kind) if !matches!(kind, "a list" | "an object") => format!("{kind} has no entries"),
            _ => match overload {
                Some(overload) => {
                    format!("{} cannot take what an entry gives it", operator(overload.function()))
                }
                None => "an entry has the wrong type".to_owned(),
            },
        },
        Expr::Call(call) => {
            match call.func_name.as_str() {
                SPREAD => _ = operands.remove(0),
                operators::CONDITIONAL => operands.truncate(1),
                _ if operands.is_empty() => operands.push("nothing"),
                _ => {}
            }
            format!("{} cannot take {}", operator(&call.func_name), operands.join(" and "))
        }
        Expr::Map(_) => "a member's name is not a text, a number or a boolean".to_owned(),
        _ => "it has the wrong type".to_owned(),
    }
}

/// What the operands of `node` are, in words.
fn operands(node: &IdedExpr, context: &Context<'_, '_>) -> Vec<&'static str> {
    let operands = children(node).into_iter().map(|child| match Value::resolve_val(child, context) {
        Ok(value) => type_name(&*value),
        Err(_) => "what has no value",
    });
    operands.collect()
}

/// A function as it is written: `_==_` is `==`.
fn operator(name: &str) -> String {
    match name {
        operators::INDEX | operators::OPT_INDEX => "[…]".to_owned(),
        operators::CONDITIONAL => "?:".to_owned(),
        operators::IN => "in".to_owned(),
        SPREAD => "\"spread\"".to_owned(),
        name if name.starts_with(['_', '-', '!']) => name.trim_matches('_').to_owned(),
        name => format!("{name:?}"),
    }
}

// === impl Failure ===

impl Failure {
    /// The refusal of a device for it; `subject` is the rule or the look-up, and so begins the sentence.
    pub(in super::super) fn refusal(self, subject: &str) -> Refusal {
        match self {
            // Says itself what is wrong with the device.
            Self::Unreadable(Unreadable::Certificate(refusal)) => refusal,
            failure => Refusal::new(format!("{subject}: {failure}.")),
        }
    }

    pub(super) fn wrong_type(expected: &'static str, found: &dyn Val) -> Self {
        Self::WrongType { expected, found: type_name(found) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => unreadable.fmt(f),
            Self::NoValue { source, words } => write!(f, "{source} cannot be evaluated: {words}"),
            Self::WrongType { expected, found } => write!(f, "expected {expected}, found {found}"),
        }
    }
}
