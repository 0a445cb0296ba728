//! JSON as Newtonsoft.Json reads and prints it, which is how the host does.
//!
//! <https://www.newtonsoft.com/json/help/html/DatesInJSON.htm>: a text that is an ISO 8601 date and time is
//! taken for one, and written anew. The host's time zone is UTC.

use std::borrow::Cow;

use jsonc_parser::ParseOptions;
use serde_json::{Number, Value};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

const INVARIANT: &[BorrowedFormatItem<'_>] =
    format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");
const ISO: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond digits:1+]]]");

/// What Newtonsoft.Json takes beyond JSON: comments, trailing commas, single quotes and the like.
const LENIENT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: true,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: true,
    allow_hexadecimal_numbers: true,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: true,
    allow_non_finite_numbers: true,
    allow_extended_string_escapes: true,
};

/// The value that `text` is.
///
/// # Errors
///
/// What is wrong with it, with line and column.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    jsonc_parser::parse_to_serde_value(text, &LENIENT).map_err(|error| error.to_string())
}

/// `value` as .NET's `ToString` gives it: texts bare, objects and arrays indented, booleans capitalised.
pub(crate) fn print(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => print_number(number),
        Value::String(text) => print_text(text).into_owned(),
        Value::Array(_) | Value::Object(_) => {
            let mut out = String::new();
            indented(value, "\n", &mut out);
            out
        }
    }
}

/// `text` itself, unless the whole of it is a date and time.
pub(crate) fn print_text(text: &str) -> Cow<'_, str> {
    match Date::parse(text).and_then(|date| date.at.format(INVARIANT).ok()) {
        Some(printed) => printed.into(),
        None => text.into(),
    }
}

fn print_number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            let magnitude = float.abs();
            if magnitude == 0.0 || (1e-4..1e15).contains(&magnitude) {
                return format!("{float:?}");
            }
            let printed = format!("{float:E}");
            let (digits, exponent) = printed.split_once('E').unwrap_or((&printed, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}E{sign}{exponent:0>2}")
        }
        _ => number.to_string(),
    }
}

/// Two spaces a level; `line` is a new line with the indentation of the level.
fn indented(value: &Value, line: &str, out: &mut String) {
    let deeper = format!("{line}  ");
    let mut list = |brackets: [char; 2], items: &mut dyn Iterator<Item = (Option<&String>, &Value)>| {
        out.push(brackets[0]);
        let mut empty = true;
        for (name, value) in items {
            if !empty {
                out.push(',');
            }
            empty = false;
            out.push_str(&deeper);
            if let Some(name) = name {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
            }
            indented(value, &deeper, out);
        }
        if !empty {
            out.push_str(line);
        }
        out.push(brackets[1]);
    };
    match value {
        Value::Array(items) => list(['[', ']'], &mut items.iter().map(|item| (None, item))),
        Value::Object(members) => {
            list(['{', '}'], &mut members.iter().map(|(name, value)| (Some(name), value)))
        }
        Value::String(text) => {
            let date = Date::parse(text).and_then(Date::iso);
            out.push_str(&Value::from(date.as_deref().unwrap_or(text)).to_string());
        }
        Value::Number(number) => out.push_str(&print_number(number)),
        Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
    }
}

/// What Newtonsoft takes for a date and time.
struct Date {
    at: PrimitiveDateTime,
    /// What it is written with after the time: nothing, `Z`, or UTC's offset for one that had an offset.
    zone: &'static str,
}

impl Date {
    fn parse(text: &str) -> Option<Self> {
        let (date_time, zone) =
            text.split_at_checked(text.get(19..)?.find(['Z', '+', '-']).map_or(text.len(), |at| at + 19))?;
        let at = PrimitiveDateTime::parse(date_time, ISO).ok()?;
        match zone {
            "" => Some(Self { at, zone: "" }),
            "Z" => Some(Self { at, zone: "Z" }),
            offset => {
                let digits: String = offset[1..].chars().filter(|&character| character != ':').collect();
                let hours: i8 = digits.get(..2)?.parse().ok()?;
                let minutes: i8 = digits
                    .get(2..)
                    .filter(|rest| !rest.is_empty())
                    .map_or(Some(0), |rest| rest.parse().ok())?;
                let offset = UtcOffset::from_hms(hours, minutes, 0).ok()?;
                let offset = if zone.starts_with('-') { -offset } else { offset };
                let utc: OffsetDateTime = at.assume_offset(offset).checked_to_offset(UtcOffset::UTC)?;
                Some(Self { at: PrimitiveDateTime::new(utc.date(), utc.time()), zone: "+00:00" })
            }
        }
    }

    fn iso(self) -> Option<String> {
        let printed = self.at.format(ISO).ok()?;
        // The optional fraction is always written; .NET leaves out one that is zero.
        let printed = printed.strip_suffix(".0").unwrap_or(&printed);
        Some(printed.to_owned() + self.zone)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_printed_as_the_host_prints_them() {
        let pretty = "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": [],\n  \"c\": \"x\\\"\",\n  \"d\": null,\n  \"e\": true\n}";
        for (value, expected) in [
            (json!({"a": [1, {}], "b": [], "c": "x\"", "d": null, "e": true}), pretty),
            (json!(true), "True"),
            (json!(false), "False"),
            (json!(null), ""),
            (json!(12), "12"),
            (json!(1e5), "100000.0"),
            (json!(1.5e300), "1.5E+300"),
            (json!(0.00001), "1E-05"),
            (json!("2024-01-02T03:04:05Z"), "01/02/2024 03:04:05"),
            (json!("2024-01-02T03:04:05+02:00"), "01/02/2024 01:04:05"),
            (json!("2024-01-02T03:04:05Z."), "2024-01-02T03:04:05Z."),
            (json!("2024-01-02"), "2024-01-02"),
            (json!(["2024-01-02T03:04:05.600Z"]), "[\n  \"2024-01-02T03:04:05.6Z\"\n]"),
            (json!(["2024-01-02T03:04:00.000"]), "[\n  \"2024-01-02T03:04:00\"\n]"),
            (json!(["2024-01-02T03:04:05-0130"]), "[\n  \"2024-01-02T04:34:05+00:00\"\n]"),
        ] {
            assert_eq!(print(&value), expected, "{value}");
        }
    }
}
