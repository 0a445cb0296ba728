//! Input bindings beside the trigger: rows of a CSV file in place of a storage account.
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-table-input> and
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-input>

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::app::file::AppError;
use crate::newtonsoft;

#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    /// `table` or `blob`; others cannot be filled.
    kind: String,
    /// Which row or blob: `rowKey` or, of `path`, the expression in it.
    key: String,
    partition_key: String,
    /// By the CSV file's first column, without empty cells, as in a table. `None` without a file.
    rows: Option<HashMap<String, Map<String, Value>>>,
}

impl Input {
    pub(crate) fn new(name: &str, kind: &str, key: &str, partition_key: &str) -> Self {
        let expression = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        let key = match expression {
            Some((expression, _)) if kind == "blob" => format!("{{{expression}}}"),
            _ => key.to_owned(),
        };
        let (kind, partition_key) = (kind.to_owned(), partition_key.to_owned());
        Self { name: name.to_owned(), kind, key, partition_key, rows: None }
    }

    /// Takes the rows of `file`, where the binding, of the function.json `of`, can be filled.
    pub(crate) fn fill(&mut self, file: &Path, of: &Path) -> Result<(), AppError> {
        if !matches!(self.kind.as_str(), "table" | "blob") {
            let problem = format!("expected an input of type table or blob, found {:?}", self.kind);
            return Err(AppError::new(of, &self.name, problem));
        }
        if self.key.is_empty() {
            return Err(AppError::new(of, &self.name, "expected a rowKey or path, such as \"{id}\""));
        }
        let unreadable = |error: csv::Error| AppError::new(file, "", error.to_string());
        let mut reader = csv::Reader::from_path(file).map_err(unreadable)?;
        let names = reader.headers().map_err(unreadable)?.clone();
        let rows = self.rows.insert(HashMap::new());
        for record in reader.records() {
            let record = record.map_err(unreadable)?;
            let key = record.get(0).unwrap_or_default();
            let cells = names.iter().zip(&record).skip(1).filter(|(_, cell)| !cell.is_empty());
            // What looks like a number or boolean is one.
            let row = cells.map(|(name, cell)| match serde_json::from_str(cell) {
                Ok(value @ (Value::Number(_) | Value::Bool(_))) => (name.to_owned(), value),
                _ => (name.to_owned(), Value::from(cell)),
            });
            if rows.insert(key.to_owned(), row.collect()).is_some() {
                let problem = format!("expected each {} once, found {key:?} twice", &names[0]);
                return Err(AppError::new(file, "", problem));
            }
        }
        Ok(())
    }

    /// What the handler gets as `Data.<name>` in a call with `body`; `None` without rows.
    pub(crate) fn value(&self, body: Option<&Value>) -> Result<Option<Value>, String> {
        let Some(rows) = &self.rows else { return Ok(None) };
        let (key, partition_key) = (resolve(&self.key, body)?, resolve(&self.partition_key, body)?);
        let Some(mut row) = rows.get(&key).cloned() else { return Ok(Some("null".into())) };
        if self.kind == "blob" {
            // The text of a blob, as JSON once more.
            return Ok(Some(Value::from(Value::from(row).to_string()).to_string().into()));
        }
        row.insert("PartitionKey".to_owned(), partition_key.into());
        row.insert("RowKey".to_owned(), key.into());
        Ok(Some(row.into()))
    }
}

/// `template` with each `{a.b}` replaced by that member of `body`, by nothing if that is null.
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns#json-payloads>
fn resolve(template: &str, body: Option<&Value>) -> Result<String, String> {
    let (mut resolved, mut rest) = (String::new(), template);
    while let Some((before, (path, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        let member = path.split('.').try_fold(body.unwrap_or(&Value::Null), |value, name| value.get(name));
        let Some(member) = member else {
            return Err(format!("an input binding needs {{{path}}}: expected a JSON body with this member"));
        };
        resolved += before;
        resolved += &newtonsoft::print(member);
        rest = after;
    }
    Ok(resolved + rest)
}
