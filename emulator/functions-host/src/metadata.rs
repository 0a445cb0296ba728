//! The envelope's `Metadata`: what the host could bind, encoded once more.
//!
//! Rules: `HttpTriggerAttributeBindingProvider.cs` in
//! <https://github.com/Azure/azure-webjobs-sdk-extensions/tree/dev/src/WebJobs.Extensions.Http> and
//! `ScriptInvocationContextExtensions.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers>.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use super::call::Call;
use super::function::Function;
use super::invocation::{Members, headers};

/// One member of `Metadata`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Entry<'a> {
    /// A text, which the host encodes as JSON a second time.
    Text(Encoded<'a>),
    /// An object in the caller's body, as it is.
    Object(&'a RawValue),
    /// The query or the headers.
    Texts(Members<'a, String>),
    /// What the host itself says of the call.
    System(System<'a>),
}

/// A text whose JSON form is the text of its JSON form.
#[derive(Debug)]
pub(super) struct Encoded<'a>(Cow<'a, str>);

/// What the host itself says of the call.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct System<'a> {
    method_name: &'a str,
    utc_now: String,
    rand_guid: String,
}

/// Entries whose names differ in more than case; a later one takes the place of an earlier one.
#[derive(Default)]
struct Bindings<'a> {
    entries: Vec<(Cow<'a, str>, Option<Entry<'a>>)>,
    places: HashMap<String, usize>,
}

/// The members of `Metadata` for `call` of `function` with `body`.
pub(super) fn entries<'a>(
    call: &'a Call,
    function: &'a Function,
    body: Option<&'a str>,
) -> Vec<(Cow<'a, str>, Entry<'a>)> {
    let mut bindings = Bindings::default();
    for (name, value) in body.map(members).unwrap_or_default() {
        if let Some(value) = from_body(value) {
            bindings.set(name, value);
        }
    }
    for (name, value) in call.query.joined().filter(|(name, _)| !name.eq_ignore_ascii_case("code")) {
        bindings.set(name.into(), Some(Entry::Text(Encoded(value.into()))));
    }
    for (name, value) in &call.parameters {
        bindings.set(name.into(), value.as_deref().map(|value| Entry::Text(Encoded(value.into()))));
    }
    if !bindings.has("query") {
        let query = call.query.last().map(|(name, value)| (name.into(), value.to_owned())).collect();
        bindings.set("Query".into(), Some(Entry::Texts(Members(query))));
    }
    if !bindings.has("headers") {
        let headers = headers(&call.parts.headers).into_iter().map(|(name, values)| (name, values.join(",")));
        bindings.set("Headers".into(), Some(Entry::Texts(Members(headers.collect()))));
    }
    let system =
        System { method_name: &function.name, utc_now: now(), rand_guid: Uuid::new_v4().to_string() };
    let name = if bindings.has("sys") { "$sys" } else { "sys" };
    bindings.set(name.into(), Some(Entry::System(system)));

    let is_trigger = |name: &str| name.to_lowercase().ends_with("trigger");
    let present = bindings.entries.into_iter().filter_map(|(name, entry)| Some((name, entry?)));
    present.filter(|(name, _)| !is_trigger(name)).collect()
}

impl<'a> Bindings<'a> {
    fn set(&mut self, name: Cow<'a, str>, entry: Option<Entry<'a>>) {
        match self.places.get(&name.to_lowercase()) {
            Some(&place) => self.entries[place].1 = entry,
            None => {
                self.places.insert(name.to_lowercase(), self.entries.len());
                self.entries.push((name, entry));
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }
}

/// The members of `body`, if it is a JSON object.
fn members(body: &str) -> Vec<(Cow<'_, str>, &RawValue)> {
    struct Object;
    impl<'de> Visitor<'de> for Object {
        type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                members.push((Cow::Owned(name), value));
            }
            Ok(members)
        }
    }
    let mut json = serde_json::Deserializer::from_str(body);
    json.deserialize_map(Object).ok().filter(|_| json.end().is_ok()).unwrap_or_default()
}

/// What the host makes of a member of the body: `None` for an array, which it leaves out, and `Some(None)`
/// for null, which it binds and then leaves out.
fn from_body(value: &RawValue) -> Option<Option<Entry<'_>>> {
    let text = value.get();
    Some(match text.as_bytes().first()? {
        b'{' => Some(Entry::Object(value)),
        b'[' => return None,
        b'n' => None,
        b't' => Some(Entry::Text(Encoded("True".into()))),
        b'f' => Some(Entry::Text(Encoded("False".into()))),
        b'"' => Some(Entry::Text(Encoded(serde_json::from_str::<String>(text).ok()?.into()))),
        _ => Some(Entry::Text(Encoded(text.into()))),
    })
}

/// The time as .NET writes it: up to seven digits of a second, without trailing zeros, and `Z`.
fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    let fraction = format!("{:07}", time.nanosecond() / 100);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let (hour, minute, second) = time.as_hms();
    format!("{date}T{hour:02}:{minute:02}:{second:02}{point}{fraction}Z")
}

// === impl Serialize ===

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let encoded = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&encoded)
    }
}
