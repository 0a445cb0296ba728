//! The language of rules: the Common Expression Language, <https://cel.dev>, by the crate `cel`, which no
//! other module names.
//!
//! What differs from the standard, so that a hostile request costs little:
//!
//! - iteration (`all`, `exists`, `exists_one`, `map`, `filter`) does not nest, and goes through at most
//!   1,000 entries;
//! - functions that take texts apart or together take texts of at most 1,000 bytes, and lists of at most 1,000;
//! - the pattern of `matches` is written in the rule, not computed;
//! - a variable has at most 100,000 values.

mod check;
mod extent;
mod failure;
mod functions;
mod json;
mod parts;
mod plan;
mod settings;
mod syntax;
mod variables;

use std::sync::Arc;

use cel::common::ast::{IdedExpr, SourceInfo};
use cel::common::types::{CelBool, CelString};
use cel::common::value::CowVal;
use cel::{Context, Value};
use regex::Regex;

pub(super) use self::extent::end_of_string;
pub(super) use self::failure::Failure;
use self::json::type_name;
pub use self::parts::Part;
pub(super) use self::variables::{VARIABLES, Variables};

/// An expression that was compiled.
#[derive(Debug)]
pub struct Expression {
    root: IdedExpr,
    info: SourceInfo,
    plan: plan::Plan,
}

/// What compiles expressions.
pub(super) struct Compiler {
    language: Language,
    lookups: Vec<String>,
    patterns: Vec<Regex>,
}

/// What all expressions share: the functions, and the patterns of `matches`.
pub(super) struct Language {
    root: Context<'static, 'static>,
}

/// What is wrong with an expression.
#[derive(Debug)]
pub(super) struct Flaw {
    /// The byte of the expression.
    pub(super) at: usize,
    /// What is wrong.
    pub(super) words: String,
}

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// In a rule, which may name look-ups.
    Rule,
    /// In a look-up: all are asked together, so none knows what another found.
    Lookup,
}

/// The evaluation of expressions for one request.
pub(super) struct Evaluation<'e, 'a> {
    context: Context<'e, 'e>,
    variables: &'e Variables<'a>,
}

/// The longest expression, in bytes: the parser's stack grows with it.
const MAX_SOURCE: usize = 4096;

// === impl Expression ===

impl Expression {
    /// The setting's name, if it is one setting, `settings.NAME`.
    pub(super) fn setting(&self) -> Option<&str> {
        use cel::common::ast::Expr;

        let Expr::Select(select) = &self.root.expr else { return None };
        matches!(&select.operand.expr, Expr::Ident(name) if name == "settings").then_some(&select.field)
    }
}

// === impl Compiler ===

impl Compiler {
    pub(super) fn new(lookups: Vec<String>) -> Self {
        let root = Context::with_env(Arc::new(functions::env()));
        Self { language: Language { root }, lookups, patterns: Vec::new() }
    }

    /// Compiles `source`.
    pub(super) fn compile(&mut self, source: &str, scope: Scope) -> Result<Expression, Vec<Flaw>> {
        if source.len() > MAX_SOURCE {
            let words = format!("the expression has {} bytes; at most {MAX_SOURCE} are read", source.len());
            return Err(vec![Flaw { at: 0, words }]);
        }
        let parsed = functions::parser().parse_with_source_info(source);
        let (mut root, info) = parsed.map_err(|errors| vec![syntax::flaw(source, &errors)])?;
        let lookups = if scope == Scope::Rule { self.lookups.as_slice() } else { &[] };
        let flaws =
            check::check(&mut root, &info, &self.language, lookups, &self.lookups, &mut self.patterns);
        if !flaws.is_empty() {
            return Err(flaws);
        }
        let plan = plan::plan(&root, lookups, &self.patterns);
        Ok(Expression { root, info, plan })
    }

    /// Whether `name` cannot be that of a look-up: a reserved word, or a type.
    pub(super) fn is_reserved(&self, name: &str) -> bool {
        use cel::common::ast::Expr;

        match functions::parser().parse(name) {
            Ok(node) => !matches!(node.expr, Expr::Ident(_)) || self.language.has_type(&node),
            Err(_) => true,
        }
    }

    /// What the compiled expressions share.
    pub(super) fn finish(mut self) -> Language {
        for (index, pattern) in self.patterns.into_iter().enumerate() {
            let name = functions::pattern_name(index);
            self.language.root.add_variable_as_val(name, Box::new(functions::Pattern(pattern)));
        }
        self.language
    }
}

// === impl Language ===

impl Language {
    /// Whether there is a function of this name that is called as `name(…)`.
    fn has_function(&self, name: &str) -> bool {
        functions::is_declared(&self.root, name, false)
    }

    /// Whether there is a function of this name that is called as `value.name(…)`.
    fn has_method(&self, name: &str) -> bool {
        functions::is_declared(&self.root, name, true)
    }

    /// Whether it is the name of a type, such as `string`.
    fn has_type(&self, name: &IdedExpr) -> bool {
        Value::resolve_val(name, &self.root).is_ok()
    }
}

impl std::fmt::Debug for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Language").finish_non_exhaustive()
    }
}

// === impl Evaluation ===

impl<'e, 'a> Evaluation<'e, 'a> {
    pub(super) fn new(language: &'e Language, variables: &'e Variables<'a>) -> Self {
        let root: &'e Context<'e, 'e> = &language.root;
        let mut context = root.new_inner_scope();
        context.set_variable_resolver(variables);
        Self { context, variables }
    }

    /// The value of `expression`, handed to `read`.
    fn value<'s, T>(
        &'s self,
        expression: &'s Expression,
        read: impl FnOnce(CowVal<'s, 'e>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let planned = expression.plan.evaluate(self.variables, &self.context);
        let value = match planned {
            Some(value) => Ok(value.into_value()),
            None => Value::resolve_val(&expression.root, &self.context),
        };
        self.all_readable()?;
        read(value.map_err(|error| failure::explain(expression, error, &self.context))?)
    }

    /// What of the request cannot be read refuses, whatever `||` makes of it.
    fn all_readable(&self) -> Result<(), Failure> {
        match self.variables.unreadable() {
            Some(unreadable) => Err(Failure::Unreadable(unreadable.clone())),
            None => Ok(()),
        }
    }

    /// Whether `expression` is true.
    pub(super) fn boolean(&self, expression: &Expression) -> Result<bool, Failure> {
        let planned = expression.plan.evaluate(self.variables, &self.context);
        if let Some(truth) = planned.and_then(|value| value.boolean()) {
            return self.all_readable().map(|()| truth);
        }
        self.value(expression, |value| match value.downcast_ref::<CelBool>() {
            Some(value) => Ok(*value.inner()),
            None => Err(Failure::wrong_type("a boolean", &*value)),
        })
    }

    /// The text that `expression` gives.
    pub(super) fn text(&self, expression: &Expression) -> Result<String, Failure> {
        self.value(expression, |value| match value.downcast_ref::<CelString>() {
            Some(value) => Ok(value.inner().to_owned()),
            None => Err(Failure::wrong_type("a text", &*value)),
        })
    }

    /// What `expression` gives, as JSON.
    pub(super) fn json(&self, expression: &Expression) -> Result<serde_json::Value, Failure> {
        self.value(expression, |value| {
            json::to_json(&*value).map_err(|words| failure::no_json(expression, words))
        })
    }

    /// The parts of `expression` with their values.
    pub(super) fn parts(&self, expression: &Expression) -> Vec<Part> {
        parts::parts(expression, &self.context)
    }
}
