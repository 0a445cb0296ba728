//! Input bindings beside the trigger: rows of a CSV file in place of a storage account.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-table-input> and
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-input>

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::app::file::AppError;

/// An input binding, and the rows that fill it.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    /// Its `type`: `table`, `blob`, or one that the stand-in does not fill.
    pub(crate) kind: String,
    /// What in function.json says which row or blob: `rowKey` or `path`.
    pub(crate) key: String,
    pub(crate) partition_key: String,
    /// `None` without a CSV file.
    pub(crate) rows: Option<Arc<Rows>>,
}

/// The rows of a CSV file by their first column. An empty cell is left out of its row, as a table has no empty
/// cells.
pub(crate) type Rows = HashMap<String, Map<String, Value>>;

/// The members of a binding that concern inputs.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct InputBinding {
    row_key: String,
    partition_key: String,
    path: String,
}

impl Input {
    /// The input `name` of type `kind`, with no rows yet.
    pub(crate) fn new(name: &str, kind: &str, binding: &InputBinding) -> Self {
        let (name, kind, partition_key) =
            (name.to_owned(), kind.to_lowercase(), binding.partition_key.clone());
        let key = if kind == "blob" { binding.path.clone() } else { binding.row_key.clone() };
        Self { name, kind, key, partition_key, rows: None }
    }

    /// What keeps this binding from being filled.
    pub(crate) fn mistake(&self) -> Option<String> {
        match self.kind.as_str() {
            "table" if self.key.is_empty() => Some("expected a rowKey".to_owned()),
            // The path holds more than the key, so the key is the expression in it.
            "blob" if !self.key.contains('{') => {
                Some("expected a path with an expression, such as {id}".to_owned())
            }
            "table" | "blob" => None,
            other => Some(format!("expected an input binding of type table or blob, found {other:?}")),
        }
    }
}

/// The rows of `file`.
pub(crate) fn rows(file: &Path) -> Result<Arc<Rows>, AppError> {
    let mistake = |problem: String| AppError::new(file, "", problem);
    let mut reader = csv::Reader::from_path(file).map_err(|error| mistake(error.to_string()))?;
    let names = reader.headers().map_err(|error| mistake(error.to_string()))?.clone();
    let mut rows = Rows::new();
    for record in reader.records() {
        let record = record.map_err(|error| mistake(error.to_string()))?;
        let key = record.get(0).unwrap_or_default().to_owned();
        let cells = names.iter().zip(&record).skip(1).filter(|(_, cell)| !cell.is_empty());
        let row = cells.map(|(name, cell)| (name.to_owned(), cell_value(cell))).collect();
        if rows.insert(key.clone(), row).is_some() {
            return Err(mistake(format!("expected each {} once, found {key:?} twice", &names[0])));
        }
    }
    Ok(Arc::new(rows))
}

/// A number or boolean for what looks so, and text for everything else.
fn cell_value(cell: &str) -> Value {
    match serde_json::from_str(cell) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::from(cell),
    }
}
