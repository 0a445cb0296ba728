//! JSON as Newtonsoft.Json reads and prints it, which is how the host does.
//! <https://www.newtonsoft.com/json/help/html/DatesInJSON.htm>: a text that is an ISO 8601 date and time is
//! taken for one, and written anew. The host's time zone is UTC.

use jsonc_parser::ParseOptions;
use serde_json::{Number, Value};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

const INVARIANT: &[BorrowedFormatItem<'_>] =
    format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");
const ISO: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond digits:1+]]]");
const ISO_WITH_OFFSET: &[BorrowedFormatItem<'_>] = format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond digits:1+]]][offset_hour sign:mandatory][optional [:]][optional [[offset_minute]]]"
);

pub(crate) fn parse(text: &str) -> Result<Value, String> {
    // Beyond JSON it takes comments, trailing commas, single quotes and the like.
    let lenient = ParseOptions {
        allow_missing_commas: false,
        allow_unary_plus_numbers: false,
        ..ParseOptions::default()
    };
    // Mostly it is plain JSON, which serde_json reads faster.
    serde_json::from_str(text)
        .or_else(|_| jsonc_parser::parse_to_serde_value(text, &lenient))
        .map_err(|error| error.to_string())
}

/// `value` as .NET's `ToString` gives it: texts bare, objects and arrays indented, booleans capitalised.
pub(crate) fn print(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => print_number(number),
        Value::String(text) => {
            date(text).and_then(|(at, _)| at.format(INVARIANT).ok()).unwrap_or_else(|| text.clone())
        }
        Value::Array(_) | Value::Object(_) => indented(value, "\n"),
    }
}

fn print_number(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) if float == 0.0 || (1e-4..1e15).contains(&float.abs()) => format!("{float:?}"),
        Some(float) => {
            let printed = format!("{float:E}");
            let (digits, exponent) = printed.split_once('E').unwrap_or((&printed, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}E{sign}{exponent:0>2}")
        }
        None => number.to_string(),
    }
}

/// Two spaces a level; `line` is a new line with the indentation of the level.
fn indented(value: &Value, line: &str) -> String {
    let deeper = format!("{line}  ");
    let list = |open, items: Vec<String>, close| match items.is_empty() {
        true => format!("{open}{close}"),
        false => format!("{open}{deeper}{}{line}{close}", items.join(&format!(",{deeper}"))),
    };
    match value {
        Value::Array(items) => list('[', items.iter().map(|item| indented(item, &deeper)).collect(), ']'),
        Value::Object(members) => {
            let members = members.iter();
            let member =
                |(name, value): (&String, _)| format!("{}: {}", quoted(name), indented(value, &deeper));
            list('{', members.map(member).collect(), '}')
        }
        Value::Number(number) => print_number(number),
        Value::String(text) => match date(text).and_then(|(at, zone)| Some((at.format(ISO).ok()?, zone))) {
            // The optional fraction is always written; .NET leaves out one that is zero.
            Some((at, zone)) => quoted(&(at.strip_suffix(".0").unwrap_or(&at).to_owned() + zone)),
            None => quoted(text),
        },
        Value::Null | Value::Bool(_) => value.to_string(),
    }
}

pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What Newtonsoft.Json takes for a date and time, and what it writes after it: nothing, `Z`, or UTC's offset for
/// one that had an offset.
fn date(text: &str) -> Option<(PrimitiveDateTime, &'static str)> {
    if let Some(text) = text.strip_suffix('Z') {
        return Some((PrimitiveDateTime::parse(text, ISO).ok()?, "Z"));
    }
    if let Ok(at) = PrimitiveDateTime::parse(text, ISO) {
        return Some((at, ""));
    }
    let at = OffsetDateTime::parse(text, ISO_WITH_OFFSET).ok()?.checked_to_offset(UtcOffset::UTC)?;
    Some((PrimitiveDateTime::new(at.date(), at.time()), "+00:00"))
}
