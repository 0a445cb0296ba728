//! A CSV or JSON file of devices, read once, at start.
//!
//! CSV is what spreadsheets export: a header with the names of the columns, a device a line, fields separated by
//! commas, semicolons or tabs, quoted as in <https://www.rfc-editor.org/rfc/rfc4180>, in UTF-8 with or without a
//! byte order mark. White space around fields is dropped, and so are empty lines and columns. All values are texts.
//!
//! JSON is an array of objects, each with its key in one member.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::{fs, str};

use super::{Failure, Finding, Lookup, Mistake, Outcome, Question};

mod csv;
mod json;

/// Devices by registration id. Ids are compared without regard to case, as DPS compares them
/// (<https://learn.microsoft.com/azure/iot-dps/concepts-service#registration-id>).
pub struct File {
    subject: String,
    rows: HashMap<Box<str>, Row>,
}

/// A device's row: its object as JSON, which takes a fraction of the memory, and the line it begins at.
struct Row {
    object: Box<str>,
    line: u64,
}

/// Rows as they are read, and what is wrong with them.
struct Reading<'a> {
    key: &'a str,
    rows: HashMap<Box<str>, Row>,
    mistakes: Vec<Mistake>,
}

/// So many mistakes are told; a file of another format has one in each line.
const MISTAKES: usize = 20;

// === impl File ===

impl File {
    /// Reads the file at `path`, whose name ends in `.csv` or `.json`; `key` is the column or member that holds
    /// the registration id.
    ///
    /// # Errors
    ///
    /// All [`Mistake`]s, each with its line: a row that is broken, has no key, or has that of an earlier one.
    pub fn read(path: &Path, key: &str) -> Result<Self, Vec<Mistake>> {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string());
        let one = |words: String| vec![Mistake::new(format!("{name}: {words}"))];
        let is =
            |extension: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
        let read = match () {
            () if is("csv") => csv::read,
            () if is("json") => json::read,
            () => return Err(one("expected a .csv or a .json file".to_owned())),
        };
        let bytes = fs::read(path).map_err(|error| one(format!("cannot be read: {error}")))?;
        let mut reading = Reading { key, rows: HashMap::new(), mistakes: Vec::new() };
        match utf8(&bytes) {
            Ok(text) => read(text, &mut reading),
            Err(mistake) => reading.mistakes.push(mistake),
        }
        let Reading { rows, mut mistakes, .. } = reading;
        if mistakes.is_empty() {
            return Ok(Self { subject: format!("{name} by {key}"), rows });
        }
        let more = mistakes.len().saturating_sub(MISTAKES);
        mistakes.truncate(MISTAKES);
        if more > 0 {
            mistakes.push(Mistake::new(format!("{more} more mistakes")));
        }
        Err(mistakes.into_iter().map(|mistake| Mistake::new(format!("{name}: {mistake}"))).collect())
    }

    /// How many devices it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds no device.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn get(&self, registration_id: &str) -> Outcome {
        let Some(row) = self.rows.get(registration_id.to_lowercase().as_str()) else {
            return Ok(None);
        };
        serde_json::from_str(&row.object)
            .map(Some)
            .map_err(|_| Failure::new(format!("the row at line {} cannot be read again", row.line)))
    }
}

impl Lookup for File {
    fn subject(&self) -> String {
        self.subject.clone()
    }

    fn find<'a>(&'a self, question: &'a Question<'a>) -> Finding<'a> {
        Box::pin(async { self.get(question.registration_id) })
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("subject", &self.subject).field("rows", &self.rows.len()).finish()
    }
}

// === impl Reading ===

impl Reading<'_> {
    fn mistake(&mut self, line: u64, words: impl std::fmt::Display) {
        self.mistakes.push(Mistake::new(format!("line {line}: {words}")));
    }

    fn add(&mut self, line: u64, id: &str, object: impl Into<Box<str>>) {
        if id.is_empty() {
            return self.mistake(line, format!("{} is empty", self.key));
        }
        match self.rows.entry(id.to_lowercase().into()) {
            Entry::Vacant(place) => {
                place.insert(Row { object: object.into(), line });
            }
            Entry::Occupied(place) => {
                let first = place.get().line;
                self.mistake(line, format!("{} {id:?} is already in line {first}", self.key));
            }
        }
    }
}

// === private ===

fn utf8(bytes: &[u8]) -> Result<&str, Mistake> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Mistake::new("line 1: expected UTF-8, found UTF-16; save it as «CSV UTF-8»"));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = line_at(bytes, error.valid_up_to());
        Mistake::new(format!("line {line}: not valid UTF-8; save it as «CSV UTF-8»"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The line of the byte at `offset`, from 1.
fn line_at(text: &[u8], offset: usize) -> u64 {
    1 + text[..offset].iter().filter(|&&byte| byte == b'\n').count() as u64
}
