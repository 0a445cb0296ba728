//! The app's input bindings: what the Functions host fetched before it called the handler.
//!
//! A second binding in `HttpTrigger1/function.json`, such as a row of Table Storage by
//! `{deviceRuntimeContext.registrationId}`, arrives in the envelope as `Data.<name>`. No key and no code of
//! the handler is involved: <https://learn.microsoft.com/azure/azure-functions/functions-triggers-bindings>.

use serde_json::{Map, Value};

use super::{Failure, Finding, Lookup, Outcome, Question};

/// The value of an input binding: an object; a text that holds one (blobs come so); or an array of one, as the
/// bindings that run a query give.
#[derive(Clone, Debug)]
pub struct Input {
    binding: String,
}

/// A text that is JSON, that is a text that is JSON: a blob is encoded twice.
const ENCODED: usize = 2;

// === impl Input ===

impl Input {
    /// The input binding named `binding` in `HttpTrigger1/function.json`.
    pub fn new(binding: impl Into<String>) -> Self {
        Self { binding: binding.into() }
    }

    fn read(&self, inputs: Option<&Map<String, Value>>) -> Outcome {
        let Some(inputs) = inputs else {
            return Err(Failure::new(
                "input bindings only come in the Functions host's envelope (enableForwardingHttpRequest must be off)",
            ));
        };
        let Some(value) = inputs.get(&self.binding) else {
            return Err(Failure::new("the envelope does not contain it; is it bound in function.json?"));
        };
        row(decoded(value.clone())?)
    }
}

impl Lookup for Input {
    fn subject(&self) -> String {
        format!("input binding {}", self.binding)
    }

    fn find<'a>(&'a self, question: &'a Question<'a>) -> Finding<'a> {
        Box::pin(async { self.read(question.inputs) })
    }
}

// === private ===

fn decoded(mut value: Value) -> Result<Value, Failure> {
    for _ in 0..ENCODED {
        let Value::String(text) = &value else { break };
        let json = text.trim_start_matches('\u{feff}');
        value = serde_json::from_str(json)
            .map_err(|_| Failure::new("it contains text that is not valid JSON"))?;
    }
    Ok(value)
}

fn row(value: Value) -> Outcome {
    match value {
        Value::Null => Ok(None),
        Value::Object(object) => Ok(Some(object)),
        Value::Array(mut rows) => match rows.len() {
            0 => Ok(None),
            1 => row(rows.remove(0)),
            several => Err(Failure::new(format!("expected one row, found {several}"))),
        },
        _ => Err(Failure::new("expected a JSON object")),
    }
}
