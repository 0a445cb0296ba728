//! The parts of a condition with their values: why it is what it is.

use cel::Context;
use cel::Value;
use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};
use cel::common::types::CelBool;

use super::check::children;
use super::extent::is_wrapper;
use super::functions::SPREAD;
use super::{Expression, failure, json};

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// In how many other parts it stands.
    pub depth: usize,
    /// Its text in the file.
    pub source: String,
    /// Its value as JSON; or why it has none; `None`: it was not needed.
    pub value: Option<Result<String, String>>,
}

/// The longest value that is shown, in characters.
const MOST: usize = 200;

/// The parts of `expression`: the whole, the operands of `&&`, `||` and `!`, those of comparisons, and what
/// functions are called with.
pub(super) fn parts(expression: &Expression, context: &Context<'_, '_>) -> Vec<Part> {
    let mut parts = Parts { expression, context, parts: Vec::new() };
    parts.visit(&expression.root, 0);
    parts.parts
}

struct Parts<'p, 'v> {
    expression: &'p Expression,
    context: &'p Context<'p, 'v>,
    parts: Vec<Part>,
}

// === impl Parts ===

impl Parts<'_, '_> {
    fn visit(&mut self, node: &IdedExpr, depth: usize) -> Option<bool> {
        let value = Value::resolve_val(node, self.context);
        let truth =
            value.as_ref().ok().and_then(|value| value.downcast_ref::<CelBool>()).map(|value| *value.inner());
        let shown = match value {
            Ok(value) => match json::to_json(&*value) {
                Ok(json) => Ok(short(&json.to_string())),
                Err(kind) => Ok(kind.to_owned()),
            },
            Err(error) => Err(failure::explain(self.expression, error, self.context).to_string()),
        };
        self.parts.push(Part {
            depth,
            source: self.expression.source_of(node).to_owned(),
            value: Some(shown),
        });
        self.below(node, depth + 1);
        truth
    }

    fn below(&mut self, node: &IdedExpr, depth: usize) {
        match &node.expr {
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                    let decides = call.func_name == operators::LOGICAL_OR;
                    self.operands(call, left, right, decides, depth);
                }
                (operators::CONDITIONAL, [condition, then, otherwise]) => {
                    let truth = self.visit(condition, depth);
                    for (branch, taken) in [(then, Some(true)), (otherwise, Some(false))] {
                        if truth == taken {
                            _ = self.visit(branch, depth)
                        } else {
                            self.unneeded(branch, depth)
                        }
                    }
                }
                (operators::LOGICAL_NOT, [operand]) => _ = self.visit(operand, depth),
                (name, args) if !is_member(name) => {
                    let skipped = usize::from(name == SPREAD);
                    for operand in call.target.as_deref().into_iter().chain(args.iter().skip(skipped)) {
                        self.operand(operand, depth);
                    }
                }
                _ => {}
            },
            Expr::Comprehension(iteration) => self.operand(&iteration.iter_range, depth),
            _ => {}
        }
    }

    /// Both operands of `&&` or `||`; of a chain of them, all.
    fn operands(
        &mut self,
        call: &CallExpr,
        left: &IdedExpr,
        right: &IdedExpr,
        decides: bool,
        depth: usize,
    ) -> Option<bool> {
        let mut last = None;
        for operand in [left, right] {
            if last == Some(decides) {
                self.unneeded(operand, depth);
                continue;
            }
            last = match &operand.expr {
                Expr::Call(inner) if inner.func_name == call.func_name => match inner.args.as_slice() {
                    [left, right] => self.operands(inner, left, right, decides, depth),
                    _ => None,
                },
                _ => self.visit(operand, depth),
            };
        }
        last
    }

    fn operand(&mut self, node: &IdedExpr, depth: usize) {
        match &node.expr {
            Expr::Call(call) if is_wrapper(&call.func_name) => {
                if let Some(inner) = children(node).first() {
                    self.operand(inner, depth);
                }
            }
            _ if is_constant(node) => {}
            _ => _ = self.visit(node, depth),
        }
    }

    fn unneeded(&mut self, node: &IdedExpr, depth: usize) {
        let source = self.expression.source_of(node).to_owned();
        self.parts.push(Part { depth, source, value: None });
    }
}

/// Whether it says itself what it is.
fn is_constant(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Ident(name) => name.starts_with('@'),
        _ => children(node).into_iter().all(is_constant),
    }
}

fn is_member(name: &str) -> bool {
    matches!(name, operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT)
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
