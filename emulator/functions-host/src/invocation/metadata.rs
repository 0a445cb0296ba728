//! The envelope's `Metadata`: what the host could bind, encoded once more.
//! Rules: `HttpTriggerAttributeBindingProvider.cs` in
//! <https://github.com/Azure/azure-webjobs-sdk-extensions/tree/dev/src/WebJobs.Extensions.Http> and
//! `ScriptInvocationContextExtensions.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers>.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::function::Function;
use crate::invocation::call::Call;
use crate::newtonsoft;

/// Newtonsoft.Json reads no deeper.
const DEPTH: usize = 64;

/// Names and values, by names in lower case: a later value takes the place of an earlier one.
#[derive(Default)]
struct Bindings(IndexMap<String, (String, Value)>);

/// The members of `Metadata` for `call` of `function` with `body`.
pub(crate) fn metadata(call: &Call, function: &Function, body: Option<Value>) -> Map<String, Value> {
    let mut bindings = Bindings::default();
    if let Some(Value::Object(members)) = body {
        for (name, value) in members {
            match value {
                Value::Array(_) => {}
                Value::Null | Value::Object(_) => bindings.set(&name, value),
                Value::Bool(_) => bindings.set(&name, encoded(&newtonsoft::print(&value))),
                Value::String(text) => bindings.set(&name, encoded(&text)),
                Value::Number(number) => bindings.set(&name, encoded(&number.to_string())),
            }
        }
    }
    for (name, value) in call.query.joined().filter(|(name, _)| !name.eq_ignore_ascii_case("code")) {
        bindings.set(name, encoded(&value));
    }
    for (name, value) in &call.parameters {
        bindings.set(name, value.as_deref().map_or(Value::Null, encoded));
    }
    if !bindings.0.contains_key("query") {
        bindings.set("Query", call.query.last().collect());
    }
    if !bindings.0.contains_key("headers") {
        bindings.set("Headers", call.headers().map(|(name, values)| (name, values.join(","))).collect());
    }
    let system = json!({
        "MethodName": function.name, "UtcNow": now(), "RandGuid": Uuid::new_v4().to_string(),
    });
    bindings.set(if bindings.0.contains_key("sys") { "$sys" } else { "sys" }, system);

    let is_trigger =
        |name: &str| name.eq_ignore_ascii_case(&function.trigger) || name.to_lowercase().ends_with("trigger");
    let entries = bindings.0.into_values();
    entries.filter(|(name, value)| !value.is_null() && !is_trigger(name)).collect()
}

/// `body` as the host binds it: whatever its type, if it is JSON that is not too deep.
pub(crate) fn parse(body: &str) -> Option<Value> {
    newtonsoft::parse(body).ok().filter(|value| depth(value) <= DEPTH)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A text whose JSON form is the text of its JSON form.
fn encoded(text: &str) -> Value {
    newtonsoft::quoted(text).into()
}

/// The time as .NET writes it: up to seven digits of a second, without trailing zeros, and `Z`.
fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let ((hour, minute, second), date) = (now.to_hms(), now.date());
    let fraction = format!(".{:07}", now.nanosecond() / 100);
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

impl Bindings {
    fn set(&mut self, name: &str, value: Value) {
        self.0.entry(name.to_lowercase()).or_insert((name.to_owned(), Value::Null)).1 = value;
    }
}
