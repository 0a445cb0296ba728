//! What is checked, and changed, in an expression before it is ever evaluated.

use std::collections::BTreeSet;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators,
};
use cel::common::types::CelInt;
use regex::Regex;

use super::extent::{is_name, name_before};
use super::functions::{BOUNDED, BOUNDED_METHODS, BYTES_OF, ITERABLE, SPREAD, pattern, pattern_name};
use super::syntax::TOO_DEEP;
use super::{Flaw, Language, VARIABLES};

/// How deep parts of an expression may stand in each other: evaluation is recursive, and an unoptimised build
/// takes 45 KiB of stack for each.
const MAX_DEPTH: usize = 32;

/// Checks the names in `root`, and puts bounds around what a request could make long.
pub(super) fn check(
    root: &mut IdedExpr,
    info: &SourceInfo,
    language: &Language,
    lookups: &[String],
    all_lookups: &[String],
    patterns: &mut Vec<Regex>,
) -> Vec<Flaw> {
    let mut check =
        Check { info, language, lookups, all_lookups, patterns, locals: Vec::new(), flaws: Vec::new() };
    check.visit(root, 0);
    check.flaws
}

struct Check<'c> {
    info: &'c SourceInfo,
    language: &'c Language,
    /// The look-ups that may be named here, and all there are.
    lookups: &'c [String],
    all_lookups: &'c [String],
    patterns: &'c mut Vec<Regex>,
    /// The variables of the iteration that is being checked.
    locals: Vec<String>,
    flaws: Vec<Flaw>,
}

// === impl Check ===

impl Check<'_> {
    fn visit(&mut self, node: &mut IdedExpr, depth: usize) {
        if depth > MAX_DEPTH {
            if self.flaws.iter().all(|flaw| flaw.words != TOO_DEEP) {
                self.flaws.push(Flaw { at: 0, words: TOO_DEEP.to_owned() });
            }
            return;
        }
        let id = node.id;
        match &mut node.expr {
            Expr::Ident(name) => {
                let name = name.clone();
                self.name(node, &name);
            }
            Expr::Select(select) => {
                // The name of a type, such as `google.protobuf.Timestamp`.
                if self.foreign_name(&select.operand).is_none()
                    || select.test
                    || !self.language.has_type(node)
                {
                    let Expr::Select(select) = &mut node.expr else { return };
                    self.visit(&mut select.operand, depth + 1);
                }
            }
            Expr::Call(call) => self.call(id, call, depth),
            Expr::List(list) => list.elements.iter_mut().for_each(|element| self.visit(element, depth + 1)),
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.visit(&mut entry.key, depth + 1);
                        self.visit(&mut entry.value, depth + 1);
                    }
                }
            }
            Expr::Comprehension(iteration) => self.iteration(id, iteration, depth),
            Expr::Struct(message) => {
                let words = format!("unknown type {:?}", message.type_name);
                self.flaw(id, words);
            }
            Expr::Literal(_) => {}
            Expr::Unspecified => self.flaw(id, "expected an expression"),
        }
    }

    fn name(&mut self, node: &IdedExpr, name: &str) {
        let is_known = name.starts_with('@')
            || VARIABLES.contains(&name)
            || self.lookups.iter().chain(&self.locals).any(|known| known == name)
            || self.language.has_type(node);
        if is_known {
            return;
        }
        let words = if self.all_lookups.iter().any(|lookup| lookup == name) {
            format!("{name:?} is a look-up; look-ups are asked together and cannot use each other")
        } else {
            let names = VARIABLES.iter().copied().chain(self.lookups.iter().map(String::as_str));
            format!("unknown name {name:?}; known are {}", names.collect::<Vec<_>>().join(", "))
        };
        self.flaw(node.id, words);
    }

    /// `a.b.c` as one name, unless it begins with a variable.
    fn foreign_name(&self, node: &IdedExpr) -> Option<String> {
        match &node.expr {
            Expr::Ident(name) => {
                let mut known =
                    VARIABLES.iter().copied().chain(self.lookups.iter().chain(&self.locals).map(|n| &**n));
                (!known.any(|known| known == name)).then(|| name.clone())
            }
            Expr::Select(select) if !select.test => {
                self.foreign_name(&select.operand).map(|root| format!("{root}.{}", select.field))
            }
            _ => None,
        }
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) {
        match call.func_name.as_str() {
            "matches" => return self.matches(id, call, depth),
            "spread" if call.target.is_none() => self.spread(id, call),
            name if !name.bytes().all(is_name) => {}
            name => self.function(id, name, call.target.as_deref()),
        }
        // `optional.of` is one name.
        let is_namespace = call.target.as_deref().and_then(|target| self.foreign_name(target));
        let is_one_name = is_namespace
            .is_some_and(|space| self.language.has_function(&format!("{space}.{}", call.func_name)));
        if let Some(target) = call.target.as_mut().filter(|_| !is_one_name) {
            self.visit(target, depth + 1);
        }
        for argument in &mut call.args {
            self.visit(argument, depth + 1);
        }
        if call.target.is_some() && BOUNDED_METHODS.contains(&call.func_name.as_str()) {
            call.target.as_deref_mut().into_iter().chain(&mut call.args).for_each(bound);
        }
    }

    fn function(&mut self, id: u64, name: &str, target: Option<&IdedExpr>) {
        let qualified =
            target.and_then(|target| self.foreign_name(target)).map(|space| format!("{space}.{name}"));
        let is_known = match target {
            _ if name == "format" => false,
            None => self.language.has_function(name),
            Some(_) => {
                self.language.has_method(name)
                    || qualified.is_some_and(|name| self.language.has_function(&name))
            }
        };
        if is_known {
            return;
        }
        let words = match target {
            None if self.language.has_method(name) => format!("{name:?} is called as value.{name}(…)"),
            Some(_) if self.language.has_function(name) || name == "spread" => {
                format!("{name:?} is called as {name}(…)")
            }
            _ => format!("unknown function {name:?}"),
        };
        self.flaw_of_call(id, words);
    }

    /// `text.matches("pattern")`: the pattern is compiled here, and becomes a variable.
    fn matches(&mut self, id: u64, call: &mut CallExpr, depth: usize) {
        let mut operands = call.target.as_deref_mut().into_iter().chain(&mut call.args);
        let (Some(text), Some(written), None) = (operands.next(), operands.next(), operands.next()) else {
            return self.flaw_of_call(id, "\"matches\" takes a text and a pattern");
        };
        self.visit(text, depth + 1);
        bound(text);
        let Expr::Literal(LiteralValue::String(source)) = &written.expr else {
            return self.flaw(written.id, "the pattern of \"matches\" must be written here as a text");
        };
        match pattern(source.inner()) {
            Ok(compiled) => {
                let known = self.patterns.iter().position(|known| known.as_str() == compiled.as_str());
                let index = known.unwrap_or(self.patterns.len());
                if known.is_none() {
                    self.patterns.push(compiled);
                }
                written.expr = Expr::Ident(pattern_name(index));
            }
            Err(words) => self.flaw(written.id, words),
        }
    }

    /// `spread(hubs)` needs to know for whom.
    fn spread(&mut self, id: u64, call: &mut CallExpr) {
        if !matches!(call.args.len(), 1 | 2) {
            return self.flaw_of_call(id, "\"spread\" takes a list of hubs, and weights by name if any");
        }
        SPREAD.clone_into(&mut call.func_name);
        call.args.insert(0, IdedExpr { id, expr: Expr::Ident("registrationId".to_owned()) });
    }

    fn iteration(&mut self, id: u64, iteration: &mut ComprehensionExpr, depth: usize) {
        if !self.locals.is_empty() {
            return self.flaw_of_call(
                id,
                "an iteration inside an iteration: all, exists, exists_one, map and filter do not nest",
            );
        }
        self.visit(&mut iteration.iter_range, depth + 1);
        self.locals = vec![iteration.iter_var.clone(), iteration.accu_var.clone()];
        self.visit(&mut iteration.loop_step, depth + 1);
        let mut named = BTreeSet::new();
        self.variables(&iteration.loop_step, &mut named);
        self.locals.clear();
        let range = std::mem::take(&mut iteration.iter_range);
        // What `map` makes is kept, and a value is several times as large as its text.
        let weight = if keeps(&iteration.loop_step, &iteration.iter_var) { 4 } else { 1 };
        let named = vec![named.into_iter().collect::<Vec<_>>().join(" "); weight].join(" ");
        let bytes = if named.trim().is_empty() {
            Expr::Literal(LiteralValue::Int(CelInt::from(0)))
        } else {
            Expr::Ident(format!("{BYTES_OF}{named}"))
        };
        let id = range.id;
        iteration.iter_range = call(id, ITERABLE, vec![range, IdedExpr { id, expr: bytes }]);
    }

    /// The variables of the request that `node` names.
    fn variables(&self, node: &IdedExpr, named: &mut BTreeSet<String>) {
        if let Expr::Ident(name) = &node.expr
            && !name.starts_with('@')
            && !self.locals.contains(name)
        {
            named.insert(name.clone());
        }
        children(node).into_iter().for_each(|child| self.variables(child, named));
    }

    /// A flaw at the name of the function that is called.
    fn flaw_of_call(&mut self, id: u64, words: impl Into<String>) {
        let bracket = self.info.offset_for(id).map_or(0, |(start, _)| start as usize);
        self.flaws.push(Flaw { at: name_before(self.info.source.as_bytes(), bracket), words: words.into() });
    }

    fn flaw(&mut self, id: u64, words: impl Into<String>) {
        let at = self.info.offset_for(id).map_or(0, |(start, _)| start as usize);
        self.flaws.push(Flaw { at, words: words.into() });
    }
}

/// Whether an iteration with this step makes a list of anything but its entries.
fn keeps(step: &IdedExpr, entry: &str) -> bool {
    let Expr::Call(call) = &step.expr else { return false };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::ADD, [_, added]) => {
            matches!(&added.expr, Expr::List(list) if list.elements.iter()
                .any(|element| !matches!(&element.expr, Expr::Ident(name) if name == entry)))
        }
        (operators::CONDITIONAL, [_, step, _]) => keeps(step, entry),
        _ => false,
    }
}

/// The parts of `node` that are expressions themselves.
pub(super) fn children(node: &IdedExpr) -> Vec<&IdedExpr> {
    match &node.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => {
            let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => Some([&entry.key, &entry.value]),
                EntryExpr::StructField(_) => None,
            });
            entries.flatten().collect()
        }
        Expr::Comprehension(iteration) => vec![&iteration.iter_range],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => Vec::new(),
    }
}

fn call(id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    IdedExpr { id, expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }) }
}

fn bound(node: &mut IdedExpr) {
    if !matches!(node.expr, Expr::Literal(_)) {
        let inner = std::mem::take(node);
        *node = call(inner.id, BOUNDED, vec![inner]);
    }
}
