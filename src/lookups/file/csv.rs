use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use serde_json::{Map, Value};

use super::Reading;

/// What separates fields: a comma, or what spreadsheets write where the comma is the decimal mark.
const DELIMITERS: &[u8] = b",;\t";

/// Reads all rows of `text`.
pub(super) fn read(text: &str, reading: &mut Reading<'_>) {
    let key = reading.key;
    let found = DELIMITERS.iter().find_map(|&delimiter| {
        let mut header = StringRecord::new();
        reader(text, delimiter).read_record(&mut header).ok()?;
        let key_at = header.iter().position(|name| name == key)?;
        Some((delimiter, header, key_at))
    });
    let Some((delimiter, header, key_at)) = found else {
        return reading.mistake(1, format_args!("no column is named {key}"));
    };
    let mut rows = reader(text, delimiter);
    let mut row = StringRecord::new();
    // Lines are counted here: the reader's own count is off after an empty line and after "\r\n".
    let (mut line, mut from, mut is_header) = (1, 0, true);
    while rows.read_record(&mut row).is_ok_and(|more| more) {
        let to = usize::try_from(rows.position().byte()).unwrap_or(text.len());
        let (written, rest) = (&text[from..to], text[from..to].trim_start_matches(['\r', '\n']));
        line += lines(&written[..written.len() - rest.len()]);
        if rest.matches('"').count() % 2 == 1 {
            // The reader closes it at the end of the file, and all that follows is one field.
            reading.mistake(line, "a quotation mark is not closed");
        } else if is_header {
            check(line, &header, reading);
        } else if !row.iter().all(str::is_empty) {
            add(line, &header, key_at, &row, reading);
        }
        line += lines(rest);
        (from, is_header) = (to, false);
    }
}

fn reader(text: &str, delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes())
}

fn check(line: u64, header: &StringRecord, reading: &mut Reading<'_>) {
    for (at, name) in header.iter().enumerate() {
        if !name.is_empty() && header.iter().take(at).any(|earlier| earlier == name) {
            reading.mistake(line, format_args!("two columns are named {name}"));
        }
    }
}

fn add(line: u64, header: &StringRecord, key_at: usize, row: &StringRecord, reading: &mut Reading<'_>) {
    if row.len() != header.len() {
        return reading.mistake(line, format_args!("expected {} fields, found {}", header.len(), row.len()));
    }
    let nameless = header.iter().zip(row).position(|(name, value)| name.is_empty() && !value.is_empty());
    if let Some(at) = nameless {
        return reading.mistake(line, format_args!("column {} has no name", at + 1));
    }
    let members = header.iter().zip(row).filter(|(name, _)| !name.is_empty());
    let object: Map<String, Value> = members.map(|(name, value)| (name.to_owned(), value.into())).collect();
    reading.add(line, &row[key_at], Value::Object(object).to_string());
}

fn lines(text: &str) -> u64 {
    text.matches('\n').count() as u64
}
