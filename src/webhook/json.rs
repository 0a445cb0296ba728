//! Reading a JSON request member by member, with errors that name the place and what was expected there.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::member_name::MemberName;
use crate::words;

/// How deep arrays and objects may be nested in a member that is read, the outermost counted: serde_json's limit. In
/// members that nobody reads, they may be nested to any depth.
pub const MAX_DEPTH: usize = 127;

/// Why a request body cannot be read. `Display` is a sentence for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is invalid JSON; the parser's words, with line and column.
    InvalidJson(String),
    /// One JSON value ends at this line and column, and more text follows it.
    TextAfterJson(String),
    /// The value at `place` is not what the contract has there.
    WrongType {
        /// The member, such as `linkedHubs[0]`; empty for the body as a whole.
        place: String,
        /// What was expected and what was found.
        what: String,
    },
    /// The value at `place` is JSON that no value of ours can hold: half a surrogate pair, a number beyond all
    /// numbers, or nested deeper than [`MAX_DEPTH`].
    Unreadable {
        /// The member, such as `linkedHubs[0]`.
        place: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Where a request has what the device sent along.
pub(super) const PAYLOAD: &str = "deviceRuntimeContext.payload";

/// One member of the request, kept as the text that was sent until somebody reads it.
pub struct Member<'a, T> {
    place: &'static str,
    text: Option<&'a RawValue>,
    kind: PhantomData<fn() -> T>,
}

/// A string, or a scalar taken for one, as `(string)` and `ToObject<string[]>` of the C# sample take them: `7` as
/// `"7"` and `true` as `"True"`. Numbers as C# writes them, but for `-0`, exponents, and integers of more than 64 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// Where a member of an object goes, by its name; `None` for a member that nobody reads.
pub(super) type Slot = fn(&str) -> Option<usize>;

/// Splits the object `json`, which stands at `place`, into the members that `slot` knows. All of `json`
/// is checked to be JSON; nothing else is judged.
pub(super) fn members<'a, const N: usize>(
    place: &str,
    json: &'a str,
    slot: Slot,
) -> Result<[Option<&'a RawValue>; N], Malformed> {
    let mut parser = serde_json::Deserializer::from_str(json);
    let members = parser.deserialize_map(Members::<N>(slot)).map_err(|error| match error.classify() {
        Category::Data => wrong_type(place, ".", &error),
        _ => Malformed::InvalidJson(bounded(&error.to_string())),
    })?;
    match parser.end() {
        Ok(()) => Ok(members),
        Err(error) => {
            Err(Malformed::TextAfterJson(format!("line {} column {}", error.line(), error.column())))
        }
    }
}

/// Reads `text` as a `T` that may borrow from it. Failing, reads it again to find the place.
pub(super) fn read_text<'a, T: Deserialize<'a>>(place: &str, text: &'a RawValue) -> Result<T, Malformed> {
    serde_json::from_str(text.get()).map_err(|error| {
        let parser = &mut serde_json::Deserializer::from_str(text.get());
        match serde_path_to_error::deserialize::<_, T>(parser) {
            Err(located) => wrong_type(place, &located.path().to_string(), located.inner()),
            Ok(_) => wrong_type(place, ".", &error),
        }
    })
}

// === impl Member ===

impl<'a, T> Member<'a, T> {
    pub(super) const fn new(place: &'static str, text: Option<&'a RawValue>) -> Self {
        Self { place, text, kind: PhantomData }
    }

    /// The member's JSON text as it was sent; `None` when it is absent or `null`.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        self.text.map(RawValue::get)
    }

    /// Reads the member as a type of the caller's own, such as the payload that its devices send.
    ///
    /// # Errors
    ///
    /// [`Malformed::WrongType`] when the member is there and is not a `U`.
    pub fn read_as<U: DeserializeOwned>(&self) -> Result<Option<U>, Malformed> {
        let Some(text) = self.text else { return Ok(None) };
        // By way of `Value`, in which the last of two equal names has already won.
        let value: Value = read_text(self.place, text)?;
        serde_path_to_error::deserialize(value)
            .map(Some)
            .map_err(|located| wrong_type(self.place, &located.path().to_string(), located.inner()))
    }
}

impl<T: DeserializeOwned> Member<'_, T> {
    /// Reads the member; `None` when it is absent or `null`.
    ///
    /// # Errors
    ///
    /// [`Malformed::WrongType`] when the member is there and is not what the contract says.
    pub fn read(&self) -> Result<Option<T>, Malformed> {
        self.read_as()
    }
}

impl<T> Clone for Member<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Member<'_, T> {}

impl<T> fmt::Debug for Member<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

// === impl Malformed ===

impl Malformed {
    /// The sentence without what was sent: for a log that must not show it.
    #[must_use]
    pub fn without_quotes(&self) -> String {
        let Self::WrongType { place, what } = self else { return self.to_string() };
        // Below the payload, names are the device's own.
        let place = if place.starts_with(PAYLOAD) { PAYLOAD } else { place };
        let what = match what.split_once(", found ") {
            Some((expected, _)) if what.starts_with("expected ") => expected,
            _ => "found another type than was expected",
        };
        Self::WrongType { place: place.to_owned(), what: what.to_owned() }.to_string()
    }
}

impl std::error::Error for Malformed {}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EXPECTED: &str = "Expected an allocation request: one JSON object, as DPS sends it.";
        match self {
            Self::InvalidJson(what) => write!(f, "The request body is invalid JSON: {what}. {EXPECTED}"),
            Self::TextAfterJson(at) => {
                write!(f, "The request body has text after its JSON, at {at}. {EXPECTED}")
            }
            Self::WrongType { place, what } if place.is_empty() => {
                write!(f, "The request body has the wrong type: {what}. {EXPECTED}")
            }
            Self::WrongType { place, what } => {
                write!(f, "The request body has the wrong type at {place}: {what}.")
            }
            Self::Unreadable { place, what } => {
                write!(f, "The request body cannot be read at {place}: {what}.")
            }
        }
    }
}

// === impl Text ===

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(if value { "True" } else { "False" })))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

// === private ===

struct Members<const N: usize>(Slot);

impl<'de, const N: usize> Visitor<'de> for Members<N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(slot) = map.next_key_seed(MemberName(self.0))? {
            match slot.and_then(|slot| found.get_mut(slot)) {
                Some(member) => *member = map.next_value()?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// `path` is where in the member at `place` the error is, `.` for the member itself.
fn wrong_type(place: &str, path: &str, error: &serde_json::Error) -> Malformed {
    let place = match path {
        "." => place.to_owned(),
        index if index.starts_with('[') || place.is_empty() => format!("{place}{path}"),
        member => format!("{place}.{member}"),
    };
    let what = words::plain(&error.to_string());
    if error.classify() == Category::Data {
        return Malformed::WrongType { place, what: bounded(&what) };
    }
    // The whole was read as JSON, so it is the value that cannot be.
    let what = match what.as_str() {
        "recursion limit exceeded" => {
            format!("more than {MAX_DEPTH} arrays and objects are nested in each other")
        }
        what => bounded(what),
    };
    Malformed::Unreadable { place, what }
}

/// The parser's words, without more than a little of what the sender wrote.
fn bounded(what: &str) -> String {
    const LIMIT: usize = 200;
    match what.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &what[..end]),
        None => what.to_owned(),
    }
}
