use serde::Deserialize as _;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Map, Value};

use super::{Reading, line_at};

/// Reads all rows of `text`.
pub(super) fn read(text: &str, reading: &mut Reading<'_>) {
    let mut deserializer = Deserializer::from_str(text);
    let rows =
        Vec::<&RawValue>::deserialize(&mut deserializer).and_then(|rows| deserializer.end().map(|()| rows));
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) if error.is_data() => return reading.mistake(1, "expected an array of objects"),
        Err(error) => {
            return reading
                .mistake(error.line() as u64, format_args!("invalid JSON at column {}", error.column()));
        }
    };
    // From one row to the next, as counting from the top each time would take minutes for a large file.
    let (mut line, mut from) = (1, 0);
    for row in rows {
        let at = row.get().as_ptr().addr() - text.as_ptr().addr();
        line += line_at(&text.as_bytes()[from..], at - from) - 1;
        from = at;
        add(line, row.get(), reading);
    }
}

fn add(line: u64, row: &str, reading: &mut Reading<'_>) {
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(row) else {
        return reading.mistake(line, "expected an object");
    };
    let key = reading.key;
    match object.get(key) {
        Some(Value::String(id)) => reading.add(line, id.trim(), row),
        Some(other) => {
            let found = match other {
                Value::Array(_) => "an array".to_owned(),
                Value::Object(_) => "an object".to_owned(),
                scalar => scalar.to_string(),
            };
            reading.mistake(line, format_args!("{key}: expected a string, found {found}"));
        }
        None => reading.mistake(line, format_args!("no member is named {key}")),
    }
}
