//! The text of a part of an expression: `cel` knows one token of each alone.

use cel::common::ast::{Expr, IdedExpr, operators};

use super::Expression;

// === impl Expression ===

impl Expression {
    /// The text of `node`, one of this expression's, as it was written.
    pub(super) fn source_of(&self, node: &IdedExpr) -> &str {
        let source = self.info.source.as_str();
        if node.id == self.root.id {
            return source.trim();
        }
        let (start, end) = self.extent(node);
        let (start, end) = balance(source.as_bytes(), start, end);
        source.get(start..end).unwrap_or_default().trim()
    }

    /// The first byte of `node`, and the first behind it.
    fn extent(&self, node: &IdedExpr) -> (usize, usize) {
        let source = self.info.source.as_bytes();
        let (token, last) =
            self.info.offset_for(node.id).map_or((0, 0), |(start, stop)| (start as usize, stop as usize));
        let closing = || closing_bracket(source, token);
        match &node.expr {
            Expr::Select(select) if select.test => (name_before(source, token), closing()),
            Expr::Select(select) => (self.extent(&select.operand).0, name_behind(source, token + 1)),
            Expr::Call(call) => match (&call.target, call.args.as_slice(), call.func_name.as_str()) {
                (Some(target), ..) => (self.extent(target).0, closing()),
                (None, [operand, ..], operators::INDEX | operators::OPT_INDEX) => {
                    (self.extent(operand).0, closing())
                }
                (None, [operand, _], operators::OPT_SELECT) => {
                    (self.extent(operand).0, name_behind(source, token + 1))
                }
                (None, [operand], name) if name.starts_with(['!', '-']) => (token, self.extent(operand).1),
                (None, [inner, ..], name) if is_wrapper(name) => self.extent(inner),
                (None, [first, .., end], name) if is_operator(name) => {
                    (self.extent(first).0, self.extent(end).1)
                }
                _ => (name_before(source, token), closing()),
            },
            Expr::Comprehension(iteration) => (self.extent(&iteration.iter_range).0, closing()),
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => (token, closing()),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => (token, last + 1),
        }
    }
}

fn is_operator(name: &str) -> bool {
    name.starts_with('_') || name == operators::IN
}

/// Whether it is one of the functions that were put around a part by `check`.
pub(super) fn is_wrapper(name: &str) -> bool {
    name == super::functions::BOUNDED || name == super::functions::ITERABLE
}

/// The start of the name that ends before `at`.
pub(super) fn name_before(source: &[u8], at: usize) -> usize {
    let before = source.get(..at).unwrap_or_default();
    let blank = before.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
    let name = before.iter().rev().skip(blank).take_while(|byte| is_name(**byte)).count();
    at.saturating_sub(blank + name)
}

/// The end of the name that begins at `at`, or behind a `?` and spaces there.
fn name_behind(source: &[u8], at: usize) -> usize {
    let rest = source.get(at..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b'?').count();
    at + blank + rest.iter().skip(blank).take_while(|byte| is_name(**byte)).count()
}

/// Whether names are made of it; those of operators are not.
pub(super) const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The byte behind the bracket that closes the one at `at`.
fn closing_bracket(source: &[u8], at: usize) -> usize {
    let (mut depth, mut at) = (0_usize, at);
    while let Some(byte) = source.get(at) {
        match byte {
            b'"' | b'\'' => {
                at = end_of_string(source, at);
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth <= 1 => return at + 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    source.len()
}

/// The byte behind the string literal whose first quotation mark is at `at`, or the end of `source`.
pub(in super::super) fn end_of_string(source: &[u8], at: usize) -> usize {
    let Some(&quote) = source.get(at) else { return source.len() };
    let raw = at > 0 && matches!(source.get(at - 1), Some(b'r' | b'R'));
    let triple = source.get(at..at + 3) == Some(&[quote; 3]);
    let mut at = at + if triple { 3 } else { 1 };
    while let Some(&byte) = source.get(at) {
        if byte == b'\\' && !raw {
            at += 2;
        } else if byte == quote && !triple {
            return at + 1;
        } else if byte == quote && source.get(at..at + 3) == Some(&[quote; 3]) {
            return at + 3;
        } else {
            at += 1;
        }
    }
    source.len()
}

/// Widens what stands between two bytes until it has as many `)` as `(`.
fn balance(source: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    let (mut open, mut unopened, mut at) = (0_usize, 0_usize, start);
    while at < end {
        match source.get(at) {
            Some(b'"' | b'\'') => {
                at = end_of_string(source, at);
                continue;
            }
            Some(b'(') => open += 1,
            Some(b')') if open == 0 => unopened += 1,
            Some(b')') => open -= 1,
            _ => {}
        }
        at += 1;
    }
    for _ in 0..unopened {
        start = source
            .get(..start)
            .and_then(|before| before.iter().rposition(|byte| *byte == b'('))
            .unwrap_or(start);
    }
    for _ in 0..open {
        let rest = source.get(end..).unwrap_or_default();
        end += rest.iter().position(|byte| *byte == b')').map_or(0, |at| at + 1);
    }
    (start, end)
}
