//! JSON and the language's values, both ways.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional,
    CelString, CelTimestamp, CelUInt, Kind,
};
use cel::common::value::Val;
use chrono::SecondsFormat;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How many values one variable may have: twice as many as fit into what DPS sends.
pub(super) const MAX_VALUES: usize = 100_000;

/// A value that borrows what it can.
pub(super) type Boxed<'a> = Box<dyn Val + 'a>;

/// Reads JSON.
pub(super) fn from_text(text: &str) -> Result<Boxed<'_>, String> {
    let left = Cell::new(MAX_VALUES);
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Seed(&left).deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    value.map_err(|error| {
        let words = error.to_string();
        let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
        if words.starts_with("recursion limit") {
            "it is nested too deep".to_owned()
        } else {
            words.to_owned()
        }
    })
}

/// The value that `json` is.
pub(super) fn from_json(json: &Value) -> Boxed<'_> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => from_number(number),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(list) => Box::new(CelList::from(list.iter().map(from_json).collect::<Vec<_>>())),
        Value::Object(members) => from_members(members),
    }
}

/// The value that an object of these members is.
pub(super) fn from_members(members: &Map<String, Value>) -> Boxed<'_> {
    let members = members.iter().map(|(name, value)| (key(name), from_json(value)));
    Box::new(CelMap::from(members.collect::<HashMap<_, _>>()))
}

fn key(name: &str) -> CelMapKey<'_> {
    CelMapKey::String(CelString::from(name))
}

/// The value that `json` is, which borrows nothing.
pub(super) fn into_value<'a>(json: Value) -> Boxed<'a> {
    match json {
        Value::String(text) => Box::new(CelString::from(text)),
        Value::Array(list) => Box::new(CelList::from(list.into_iter().map(into_value).collect::<Vec<_>>())),
        Value::Object(members) => {
            let members = members.into_iter();
            let members =
                members.map(|(name, value)| (CelMapKey::String(CelString::from(name)), into_value(value)));
            Box::new(CelMap::from(members.collect::<HashMap<_, _>>()))
        }
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(value)),
        Value::Number(number) => from_number(&number),
    }
}

fn from_number(number: &Number) -> Boxed<'static> {
    if let Some(int) = number.as_i64() {
        Box::new(CelInt::from(int))
    } else if let Some(uint) = number.as_u64() {
        Box::new(CelUInt::from(uint))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}

/// How many bytes `json` has, roughly.
pub(super) fn bytes_of(json: &Value) -> usize {
    const EACH: usize = 8;
    match json {
        Value::String(text) => EACH + text.len(),
        Value::Array(list) => EACH + list.iter().map(bytes_of).sum::<usize>(),
        Value::Object(members) => EACH + bytes_of_members(members),
        _ => EACH,
    }
}

/// How many bytes an object of these members has, roughly.
pub(super) fn bytes_of_members(members: &Map<String, Value>) -> usize {
    members.iter().map(|(name, value)| name.len() + bytes_of(value)).sum()
}

/// `value` as JSON; or what it is that JSON cannot hold.
pub(super) fn to_json(value: &dyn Val) -> Result<Value, &'static str> {
    if let Some(text) = value.downcast_ref::<CelString>() {
        Ok(Value::from(text.inner()))
    } else if let Some(int) = value.downcast_ref::<CelInt>() {
        Ok(Value::from(*int.inner()))
    } else if let Some(uint) = value.downcast_ref::<CelUInt>() {
        Ok(Value::from(*uint.inner()))
    } else if let Some(boolean) = value.downcast_ref::<CelBool>() {
        Ok(Value::from(*boolean.inner()))
    } else if let Some(double) = value.downcast_ref::<CelDouble>() {
        Number::from_f64(*double.inner()).map(Value::from).ok_or("a number without a value")
    } else if value.downcast_ref::<CelNull>().is_some() {
        Ok(Value::Null)
    } else if let Some(list) = value.downcast_ref::<CelList>() {
        list.inner().iter().map(|value| to_json(&**value)).collect()
    } else if let Some(map) = value.downcast_ref::<CelMap>() {
        members_of(map)
    } else if let Some(optional) = value.downcast_ref::<CelOptional>() {
        optional.option().map_or(Ok(Value::Null), to_json)
    } else if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        Ok(Value::from(time.inner().to_rfc3339_opts(SecondsFormat::AutoSi, true)))
    } else if let Some(duration) = value.downcast_ref::<CelDuration>() {
        let seconds = duration.inner().num_milliseconds();
        Ok(Value::from(format!("{}s", Number::from_f64(milli(seconds)).ok_or("a duration")?)))
    } else if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        Ok(Value::from(STANDARD.encode(bytes.inner())))
    } else {
        Err(type_name(value))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a duration of 300,000 years is written to the second")]
fn milli(seconds: i64) -> f64 {
    seconds as f64 / 1000.0
}

/// The map has no order of its own: the same request shall have the same answer.
fn members_of(map: &CelMap<'_>) -> Result<Value, &'static str> {
    let mut members: Vec<(String, Value)> = Vec::with_capacity(map.inner().len());
    for (key, value) in map.inner() {
        let name = match key {
            CelMapKey::String(name) => name.inner().to_owned(),
            CelMapKey::Int(name) => name.inner().to_string(),
            CelMapKey::UInt(name) => name.inner().to_string(),
            CelMapKey::Bool(name) => name.inner().to_string(),
        };
        members.push((name, to_json(&**value)?));
    }
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Value::Object(members.into_iter().collect()))
}

/// What `value` is, in words.
pub(in super::super) fn type_name(value: &dyn Val) -> &'static str {
    match value.get_type().kind() {
        Kind::NullType => "null",
        Kind::Boolean => "a boolean",
        Kind::Int | Kind::UInt | Kind::Double => "a number",
        Kind::String => "a text",
        Kind::Bytes => "bytes",
        Kind::List => "a list",
        Kind::Map => "an object",
        Kind::Timestamp => "a timestamp",
        Kind::Duration => "a duration",
        Kind::Type => "a type",
        _ if value.downcast_ref::<CelOptional>().is_some() => "an optional value",
        _ => "a value",
    }
}

/// Reads JSON as a value, counting.
#[derive(Clone, Copy)]
struct Seed<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Boxed<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| Error::custom(format!("it has more than {MAX_VALUES} values")))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Boxed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Box::new(CelNull))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Box::new(CelBool::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Box::new(CelInt::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(from_number(&value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Box::new(CelDouble::from(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Box::new(CelString::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Box::new(CelString::from(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Box::new(CelList::from(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // As many as most objects of a request have.
        let mut members = HashMap::with_capacity(7);
        while let Some(name) = map.next_key_seed(Name)? {
            // The last of two equal names counts.
            members.insert(CelMapKey::String(name), map.next_value_seed(self)?);
        }
        Ok(Box::new(CelMap::from(members)))
    }
}

/// Reads a member's name.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = CelString<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = CelString<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(CelString::from(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(CelString::from(name.to_owned()))
    }
}
