use crate::lookups::Mistake;

/// Checks that `query` has the parameters `$1` to `$parameters`, each of them, and no others.
pub(super) fn check(query: &str, parameters: usize) -> Result<(), Mistake> {
    if query.trim().is_empty() {
        return Err(Mistake::new("the query is empty"));
    }
    let found = parameters_of(query);
    if let Some(other) = found.iter().find(|&&number| number == 0 || number > parameters) {
        return Err(Mistake::new(format!(
            "the query has a parameter ${other}, expected {parameters} in all"
        )));
    }
    match (1..=parameters).find(|number| !found.contains(number)) {
        Some(number) => Err(Mistake::new(format!("the query has no parameter ${number}"))),
        None => Ok(()),
    }
}

/// The numbers of the parameters in `query`, without what only looks so: in a quoted text or name, in a comment, within
/// a name (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html>).
fn parameters_of(query: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut rest = query;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let after = &rest[next.len_utf8()..];
        rest = match next {
            '\'' | '"' => after.split_once(next).map_or("", |(_, rest)| rest),
            '-' if after.starts_with('-') => after.split_once('\n').map_or("", |(_, rest)| rest),
            '/' if after.starts_with('*') => after.split_once("*/").map_or("", |(_, rest)| rest),
            '$' if !before.is_alphanumeric() => {
                let digits =
                    after.len() - after.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
                found.extend(after[..digits].parse::<usize>().ok());
                after
            }
            _ => after,
        };
        before = next;
    }
    found
}
