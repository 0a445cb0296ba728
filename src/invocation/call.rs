//! What the host sends: `{"Data":{"req":{…,"Headers":{…},"Body":"…"}},"Metadata":{…}}`.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::headers::CallerHeaders;
use super::unescape::{Unescaped, unescape};
use crate::body::{self, Unread};
use crate::member_name::MemberName;
use crate::words;

/// The body that the function's caller sent.
#[derive(Debug)]
pub struct CallerBody<'a> {
    /// The body. Not valid UTF-8 is U+FFFD.
    pub text: Cow<'a, str>,
    /// The same as a JSON string, if the envelope has it as one.
    pub json: Option<&'a RawValue>,
}

/// Takes the caller's body out of `envelope`: the text of `Data.<trigger>.Body`, decoded when the host encoded it.
/// Absent is empty: the host leaves the member out when the caller sent nothing. Other members are passed over, and
/// what follows `Data` is not read: the host repeats members of the body there, JSON or not.
///
/// # Errors
///
/// [`Unread::InvalidInvocation`] when `envelope` is not JSON of that shape, [`Unread::TooLarge`] when the body has
/// more than `limit` bytes, [`Unread::Chunked`] when the host dropped it.
pub fn read<'a>(envelope: &'a str, trigger: &str, limit: usize) -> Result<CallerBody<'a>, Unread> {
    let invalid = |what: String| {
        Unread::InvalidInvocation(format!(
            "{what}; expected it as the Functions host sends it, {{\"Data\":{{\"{trigger}\":{{\"Body\":\"…\"}}}}}}"
        ))
    };
    let mut invocation = Invocation { trigger, names_trigger: false, request: None, inputs: None };
    let parsed = serde_json::Deserializer::from_str(envelope).deserialize_map(&mut invocation);
    let Some(request) = invocation.request else {
        // An error without a request, because the parser is told no end: see `visit_map`.
        return Err(invalid(
            parsed.err().map_or_else(|| format!("no Data.{trigger}"), |error| without_quotes(&error)),
        ));
    };
    let Some(json) = request.body else {
        return match request.headers {
            CallerHeaders { chunked: true, .. } => Err(Unread::Chunked),
            _ => Ok(CallerBody { text: Cow::Borrowed(""), json: None }),
        };
    };
    let Unescaped { text, lossy } =
        unescape(json.get()).ok_or_else(|| invalid(format!("expected a string at Data.{trigger}.Body")))?;
    // What is not base64 was not encoded: it is the body itself.
    let decoded = if request.headers.binary { STANDARD.decode(&text).ok() } else { None };
    if decoded.as_ref().map_or(text.len(), Vec::len) > limit {
        return Err(Unread::TooLarge(limit));
    }
    Ok(match decoded {
        Some(bytes) => CallerBody { text: body::text(&bytes).into_owned().into(), json: None },
        None => CallerBody { text: text.into(), json: (!lossy).then_some(json) },
    })
}

/// Whether `text` is an object whose `Data` has a member named as the trigger is.
#[must_use]
pub fn is_envelope(text: &str, trigger: &str) -> bool {
    let mut invocation = Invocation { trigger, names_trigger: false, request: None, inputs: None };
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(&mut invocation);
    invocation.names_trigger
}

/// What the app's input bindings brought, by their names: the members of `Data` besides the trigger's.
#[must_use]
pub fn inputs(envelope: &str, trigger: &str) -> Map<String, Value> {
    let inputs = Some(Map::new());
    let mut invocation = Invocation { trigger, names_trigger: false, request: None, inputs };
    let _ = serde_json::Deserializer::from_str(envelope).deserialize_map(&mut invocation);
    invocation.inputs.unwrap_or_default()
}

/// The parser's words without what they quote: an envelope holds headers, queries and keys.
fn without_quotes(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = message.rfind(" at line ").map_or("", |at| &message[at..]);
    let words = words::plain(&message);
    format!("{}{place}", words.split(", found ").next().unwrap_or_default())
}

/// What is found in an envelope so far.
struct Invocation<'a, 't> {
    trigger: &'t str,
    names_trigger: bool,
    request: Option<Request<'a>>,
    /// The other members of `Data`, if they are asked for.
    inputs: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Request<'a> {
    #[serde(rename = "Headers", default)]
    headers: CallerHeaders,
    #[serde(rename = "Body", borrow)]
    body: Option<&'a RawValue>,
}

impl<'de> Visitor<'de> for &mut Invocation<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(is_data) = map.next_key_seed(MemberName(|name: &str| name == "Data"))? {
            if is_data {
                // What follows is left unread, which the parser takes for an error.
                return map.next_value_seed(Data(self));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Err(serde::de::Error::custom("missing member `Data`"))
    }
}

/// The value of the envelope's `Data`.
struct Data<'i, 'a, 't>(&'i mut Invocation<'a, 't>);

impl<'de> DeserializeSeed<'de> for Data<'_, 'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Data<'_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(invocation) = self;
        let (trigger, keep) = (invocation.trigger, invocation.inputs.is_some());
        // The name of an input binding; none for the trigger.
        let input =
            |name: &str| (name != trigger).then(|| if keep { name.to_owned() } else { String::new() });
        while let Some(name) = map.next_key_seed(MemberName(input))? {
            match (name, &mut invocation.inputs) {
                (None, _) => {
                    invocation.names_trigger = true;
                    invocation.request = Some(map.next_value()?);
                }
                (Some(name), Some(inputs)) => {
                    inputs.insert(name, map.next_value()?);
                }
                (Some(_), None) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if invocation.names_trigger {
            return Ok(());
        }
        Err(serde::de::Error::custom(format_args!("missing member `{}`", invocation.trigger)))
    }
}
