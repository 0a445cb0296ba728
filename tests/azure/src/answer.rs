//! What a tool prints, and its exit code.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::Value;

/// A tool's standard output, standard error and exit code.
pub(crate) struct Answer {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: u8,
}

impl Answer {
    /// Prints it and gives the exit code.
    pub(crate) fn give(self) -> ExitCode {
        // A closed pipe is not the tool's problem.
        let _ = std::io::stdout().write_all(self.out.as_bytes());
        let _ = std::io::stderr().write_all(self.err.as_bytes());
        ExitCode::from(self.code)
    }
}

/// Success with this on standard output.
pub(crate) fn printed(out: impl Into<String>) -> Answer {
    Answer { out: out.into(), err: String::new(), code: 0 }
}

/// Failure with this line on standard error.
pub(crate) fn failed(code: u8, line: impl Into<String>) -> Answer {
    Answer { out: String::new(), err: line.into() + "\n", code }
}

/// `az`'s failure: exit code 3 if something does not exist, 2 for invalid arguments, 1 for the rest.
pub(crate) fn error(code: u8, message: impl AsRef<str>) -> Answer {
    failed(code, format!("ERROR: {}", message.as_ref()))
}

/// A result as `az` prints it: `--query` first, then `--output`.
pub(crate) fn result(value: &Value, query: Option<&str>, output: &str) -> Answer {
    let selected = match query {
        None => value.clone(),
        Some(query) => match select(value, query) {
            Ok(selected) => selected,
            Err(error) => {
                return self::error(2, format!("Invalid jmespath query supplied for `--query`: {error}"));
            }
        },
    };
    match output {
        // az prints nothing for null.
        _ if selected.is_null() => printed(""),
        "none" => printed(""),
        "tsv" => printed(tsv(&selected)),
        "json" => printed(format!("{selected:#}\n")),
        other => error(2, format!("the stand-in does not support --output {other}")),
    }
}

fn select(value: &Value, query: &str) -> Result<Value, String> {
    let expression = jmespath::compile(query).map_err(|error| error.to_string())?;
    let variable = jmespath::Variable::from_json(&value.to_string())?;
    let found = expression.search(variable).map_err(|error| error.to_string())?;
    serde_json::to_value(&*found).map_err(|error| error.to_string())
}

/// Rows of a list, or one row; values of a row with tabs between them.
fn tsv(value: &Value) -> String {
    let rows = match value {
        Value::Array(rows) => rows.clone(),
        one => vec![one.clone()],
    };
    rows.iter().map(|row| tsv_row(row) + "\n").collect()
}

fn tsv_row(row: &Value) -> String {
    match row {
        Value::Array(values) => values.iter().map(tsv_value).collect::<Vec<_>>().join("\t"),
        Value::Object(members) => members.values().map(tsv_value).collect::<Vec<_>>().join("\t"),
        Value::Bool(flag) => flag.to_string(),
        other => tsv_value(other),
    }
}

/// As Python prints it, because az is written in Python.
fn tsv_value(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.len().to_string(),
        Value::Object(_) => String::new(),
        Value::Number(number) => number.to_string(),
    }
}
