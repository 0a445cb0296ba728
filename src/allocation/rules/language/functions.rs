//! The functions of the language.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelString, CelUInt, DYN_TYPE, INT_TYPE, LIST_TYPE, MAP_TYPE,
    STRING_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::parser::Parser;
use cel::{Context, DeclarationError, Env, ExecutionError, Value, extensions};
use regex::{Regex, RegexBuilder};

use crate::allocation::hubs::is_named;
use crate::allocation::spread::spread;

/// The most entries that are iterated, and the most bytes of a text that is taken apart.
pub(super) const MOST: usize = 1_000;

/// The most bytes that an iteration may read, when every entry reads all of the variables it names: 170 entries
/// with the largest payload that DPS sends.
const MOST_WORK: usize = 16 * 1024 * 1024;

/// What no expression can name: the lexer knows no `@`.
pub(super) const BOUNDED: &str = "@bounded";
/// `@iterable(list, work)`: the list, unless it is too long to be iterated.
pub(super) const ITERABLE: &str = "@iterable";
/// `@spread(registrationId, hubs)`, `@spread(registrationId, hubs, weights)`.
pub(super) const SPREAD: &str = "@spread";
/// Of a variable's name: how many bytes the variables behind it have.
pub(super) const BYTES_OF: &str = "@bytes ";

/// The functions of `extensions::strings` whose texts are bounded. `format` is missing: the width in its
/// first text has no bound.
pub(super) const BOUNDED_METHODS: [&str; 11] = [
    "charAt",
    "indexOf",
    "lastIndexOf",
    "join",
    "lowerAscii",
    "upperAscii",
    "trim",
    "replace",
    "split",
    "substring",
    "reverse",
];

/// A pattern, compiled once.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub(super) Regex);

static PATTERN: Type = pattern_type();

const fn pattern_type() -> Type {
    Type::new_unspecified_type("pattern")
}

/// The functions: those of the standard, those of its extension for strings, and our own.
pub(super) fn env() -> Env {
    let mut env = Env::stdlib();
    // No two of these have one name, and a test calls each of them.
    let declared = declare(&mut env);
    debug_assert_eq!(declared, Ok(()));
    env
}

fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_extension(extensions::strings)?;
    env.add_overload("matches", "matches", vec![STRING_TYPE, pattern_type()], matches)?;
    env.add_member_overload("matches", "string_matches", STRING_TYPE, vec![pattern_type()], matches)?;
    env.add_overload(BOUNDED, BOUNDED, vec![DYN_TYPE], bounded)?;
    env.add_overload(ITERABLE, ITERABLE, vec![DYN_TYPE, INT_TYPE], iterable)?;
    env.add_overload(SPREAD, "spread", vec![STRING_TYPE, LIST_TYPE], spread_over)?;
    env.add_overload(SPREAD, "spread_weights", vec![STRING_TYPE, LIST_TYPE, MAP_TYPE], spread_over)
}

pub(super) fn parser() -> Parser {
    Parser::new().enable_optional_syntax(true)
}

/// Compiles a pattern, within bounds.
pub(super) fn pattern(source: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(source).size_limit(1024 * 1024).nest_limit(64).build();
    compiled.map_err(|error| {
        let words = error.to_string();
        let last = words.lines().last().unwrap_or_default();
        format!("the pattern is not valid: {}", last.trim().trim_start_matches("error: "))
    })
}

/// The variable that holds a pattern.
pub(super) fn pattern_name(index: usize) -> String {
    format!("{PATTERN_PREFIX}{index}")
}

/// The number of the pattern that `node` names.
pub(super) fn pattern_index(node: &IdedExpr) -> Option<usize> {
    match &node.expr {
        Expr::Ident(name) => name.strip_prefix(PATTERN_PREFIX)?.parse().ok(),
        _ => None,
    }
}

const PATTERN_PREFIX: &str = "@pattern ";

/// Whether there is such a function. `cel` answers that to nobody but a call.
pub(super) fn is_declared(context: &Context<'_, '_>, name: &str, is_method: bool) -> bool {
    let null = IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::Null) };
    let target = is_method.then(|| Box::new(null));
    let call =
        IdedExpr { id: 0, expr: Expr::Call(CallExpr { func_name: name.to_owned(), target, args: vec![] }) };
    !matches!(Value::resolve_val(&call, context), Err(ExecutionError::UndeclaredReference(_)))
}

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Answer<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn matches<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let [text, pattern] = arguments.as_slice() else { return Err(missing("matches")) };
    let text = text.downcast_ref::<CelString>().ok_or_else(|| missing("matches"))?;
    let pattern = pattern.downcast_ref::<Pattern>().ok_or_else(|| missing("matches"))?;
    Ok(CowVal::owned(CelBool::from(pattern.0.is_match(text.inner()))))
}

/// Its argument, unless that is too large to be taken apart.
fn bounded<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let value = arguments.into_iter().next().ok_or_else(|| missing(BOUNDED))?;
    let text = value.downcast_ref::<CelString>().map(|text| text.inner().len());
    if text.is_some_and(|bytes| bytes > MOST) {
        return Err(own(
            BOUNDED,
            format!("the text has more than {MOST} bytes, which is the most for this function"),
        ));
    }
    if text.is_none() && size(&*value) > MOST {
        return Err(own(
            BOUNDED,
            format!("it has more than {MOST} entries, which is the most for this function"),
        ));
    }
    Ok(value)
}

/// Its first argument, unless that is too long to be iterated while each entry reads as many bytes.
fn iterable<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let mut arguments = arguments.into_iter();
    let (Some(value), Some(bytes)) = (arguments.next(), arguments.next()) else {
        return Err(missing(ITERABLE));
    };
    let entries = size(&*value);
    if entries > MOST {
        return Err(own(
            ITERABLE,
            format!("it has more than {MOST} entries, which is the most for an iteration"),
        ));
    }
    let bytes = bytes.downcast_ref::<CelInt>().and_then(|bytes| usize::try_from(*bytes.inner()).ok());
    if entries.saturating_mul(bytes.unwrap_or(usize::MAX)) > MOST_WORK {
        let words = "there is too much to read for every one of its entries";
        return Err(own(ITERABLE, words));
    }
    Ok(value)
}

fn size(value: &dyn Val) -> usize {
    value.as_sizer().and_then(|sizer| usize::try_from(*sizer.size().inner()).ok()).unwrap_or(0)
}

fn spread_over<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let (id, hubs, weights) = match arguments.as_slice() {
        [id, hubs] => (id, hubs, None),
        [id, hubs, weights] => (id, hubs, weights.downcast_ref::<CelMap>()),
        _ => return Err(missing("spread")),
    };
    let id = id.downcast_ref::<CelString>().ok_or_else(|| missing("spread"))?;
    let hubs = hubs.downcast_ref::<CelList>().ok_or_else(|| missing("spread"))?;
    let names = hubs.inner().iter().map(|hub| hub.downcast_ref::<CelString>().map(CelString::inner));
    let names: Vec<&str> =
        names.collect::<Option<_>>().ok_or_else(|| own("spread", "the hubs are not a list of texts"))?;
    let weights = weights.map(|weights| weights_of(weights, &names)).transpose()?;
    let weight = |hub: usize| weights.as_ref().and_then(|weights| weights.get(hub).copied()).unwrap_or(1.0);
    let chosen = spread(&names, weight, id.inner()).and_then(|hub| hubs.inner().get(hub));
    let chosen = chosen.ok_or_else(|| own("spread", "there is no hub to choose from"))?;
    Ok(CowVal::Owned(chosen.clone_as_boxed()))
}

/// The weights of the hubs, in their order: 1 where none is given.
fn weights_of(weights: &CelMap<'_>, hubs: &[&str]) -> Result<Vec<f64>, ExecutionError> {
    let mut all = vec![1.0; hubs.len()];
    for (name, weight) in weights.inner() {
        let cel::common::types::CelMapKey::String(name) = name else {
            return Err(own("spread", "the weights are not by hubs' names"));
        };
        let weight = number(&**weight).filter(|weight| weight.is_finite() && *weight >= 0.0);
        let weight = weight.ok_or_else(|| own("spread", "a weight is not a number from 0"))?;
        for (hub, given) in hubs.iter().zip(&mut all) {
            if is_named(hub, name.inner()) {
                *given = weight;
            }
        }
    }
    Ok(all)
}

#[expect(clippy::cast_precision_loss, reason = "weights are compared, not counted")]
fn number(value: &dyn Val) -> Option<f64> {
    let int = value.downcast_ref::<CelInt>().map(|value| *value.inner() as f64);
    let uint = || value.downcast_ref::<CelUInt>().map(|value| *value.inner() as f64);
    int.or_else(uint).or_else(|| value.downcast_ref::<CelDouble>().map(|value| *value.inner()))
}

/// An error of our own: its words hold nothing of the request.
fn own(function: &str, words: impl ToString) -> ExecutionError {
    ExecutionError::function_error(function, words)
}

fn missing(function: &str) -> ExecutionError {
    ExecutionError::no_such_overload(function, Vec::new())
}

// === impl Pattern ===

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN
    }

    fn cel_type() -> &'static Type {
        &PATTERN
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}
