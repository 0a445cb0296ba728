//! Input bindings beside the trigger: rows of a CSV file in place of a storage account.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-table-input> and
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-input>

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::app::file::AppError;

/// An input binding, and the rows that fill it.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Which row or blob: `rowKey` or, of `path`, the expression in it.
    pub(crate) key: String,
    pub(crate) partition_key: String,
    /// `None` without a CSV file.
    pub(crate) rows: Option<Arc<Rows>>,
}

/// What an input binding reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A row of a table.
    Table,
    /// A blob that holds JSON.
    Blob,
    /// Something that the stand-in does not fill.
    Other(String),
}

/// The rows of a CSV file by their first column. A row has no empty cells, as in a table.
pub(crate) type Rows = HashMap<String, Map<String, Value>>;

impl Input {
    /// The input `name` of type `kind` for the `key`, with no rows yet.
    pub(crate) fn new(name: &str, kind: &str, key: &str, partition_key: &str) -> Self {
        let kind = match kind {
            "table" => Kind::Table,
            "blob" => Kind::Blob,
            other => Kind::Other(other.to_owned()),
        };
        let expression = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        let key = match expression {
            Some((expression, _)) if kind == Kind::Blob => format!("{{{expression}}}"),
            _ => key.to_owned(),
        };
        Self { name: name.to_owned(), kind, key, partition_key: partition_key.to_owned(), rows: None }
    }

    /// Takes the rows of `file`, where the binding, of the function.json `of`, can be filled.
    pub(crate) fn fill(&mut self, file: &Path, of: &Path) -> Result<(), AppError> {
        let problem = match &self.kind {
            Kind::Other(kind) => format!("expected an input of type table or blob, found {kind:?}"),
            _ if self.key.is_empty() => "expected a rowKey or path, such as \"{id}\"".to_owned(),
            _ => {
                self.rows = Some(Arc::new(rows(file).map_err(|problem| AppError::new(file, "", problem))?));
                return Ok(());
            }
        };
        Err(AppError::new(of, &self.name, problem))
    }
}

fn rows(file: &Path) -> Result<Rows, String> {
    let mut reader = csv::Reader::from_path(file).map_err(|error| error.to_string())?;
    let names = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut rows = Rows::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let key = record.get(0).unwrap_or_default();
        let cells = names.iter().zip(&record).skip(1).filter(|(_, cell)| !cell.is_empty());
        // What looks like a number or boolean is one.
        let row = cells.map(|(name, cell)| match serde_json::from_str(cell) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => (name.to_owned(), value),
            _ => (name.to_owned(), Value::from(cell)),
        });
        if rows.insert(key.to_owned(), row.collect()).is_some() {
            return Err(format!("expected each {} once, found {key:?} twice", &names[0]));
        }
    }
    Ok(rows)
}
