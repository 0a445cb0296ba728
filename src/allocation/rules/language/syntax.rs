//! What the parser of expressions says, in sentences.

use cel::ParseErrors;

use super::Flaw;

/// What is said of an expression that would need more stack than there is.
pub(super) const TOO_DEEP: &str = "the expression is nested too deep";

const TOO_EARLY: &str = "the expression ends too early";

/// The first error: those that follow mostly follow from it.
pub(super) fn flaw(source: &str, errors: &ParseErrors) -> Flaw {
    let Some(error) = errors.errors.first() else {
        return Flaw { at: 0, words: "not a valid expression".to_owned() };
    };
    if source.trim().is_empty() {
        return Flaw { at: 0, words: "expected an expression".to_owned() };
    }
    if errors.errors.iter().any(|error| error.msg.contains("Recursion limit")) {
        return Flaw { at: 0, words: TOO_DEEP.to_owned() };
    }
    let words = words(&error.msg);
    let (line, column) = error.pos;
    let at = if words == TOO_EARLY { source.trim_end().len() } else { offset(source, line, column) };
    Flaw { at, words }
}

fn words(message: &str) -> String {
    let message = message.trim_start_matches("Syntax error: ");
    if let Some(token) = message.strip_prefix("missing ") {
        let expected = token.split(" at ").next().unwrap_or_default();
        return format!("expected {}", code(expected));
    }
    if let Some(token) = message.strip_prefix("token recognition error at: ") {
        let token = token.trim().trim_matches('\'').trim();
        let opens = token.starts_with(['"', '\'']);
        return if opens {
            "the text has no end, or an escape that is not known".to_owned()
        } else {
            unexpected(token)
        };
    }
    for prefix in ["mismatched input ", "extraneous input ", "no viable alternative at input "] {
        if let Some(token) = message.strip_prefix(prefix) {
            let token = token.split(" expecting ").next().unwrap_or_default();
            return unexpected(token.trim_matches('\''));
        }
    }
    match message {
        "invalid argument to has() macro" => "has() takes a member, such as has(payload.division)".to_owned(),
        "argument must be a simple name" => "expected a name for what is iterated".to_owned(),
        message if message.starts_with("Incomplete") => TOO_EARLY.to_owned(),
        message => match message.strip_prefix("reserved identifier: ") {
            Some(word) => format!("{word:?} is a reserved word"),
            None => message.lines().next().unwrap_or_default().to_owned(),
        },
    }
}

fn unexpected(token: &str) -> String {
    if token.ends_with("<EOF>") { TOO_EARLY.to_owned() } else { format!("unexpected {}", code(token)) }
}

fn code(token: &str) -> String {
    format!("{:?}", token.trim_matches('\'').chars().take(40).collect::<String>())
}

/// The byte at `line` and `column`, both from 1, the column in characters.
fn offset(source: &str, line: isize, column: isize) -> usize {
    let number = |number: isize| usize::try_from(number - 1).unwrap_or(0);
    let start: usize = source.split_inclusive('\n').take(number(line)).map(str::len).sum();
    let rest = source.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(number(column)).map_or(rest.len(), |(at, _)| at)
}
