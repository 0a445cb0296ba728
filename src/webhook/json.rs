//! Reading a JSON request member by member, with errors that name the place and what was wanted there.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

/// How deep arrays and objects may stand in each other, the outermost counted: what Newtonsoft.Json,
/// which the C# sample reads with, allows by default.
///
/// <https://www.newtonsoft.com/json/help/html/P_Newtonsoft_Json_JsonSerializerSettings_MaxDepth.htm>
pub const MAX_DEPTH: usize = 64;

/// Why a request body cannot be read. `Display` is a sentence for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is not JSON; the parser's words, with line and column.
    NotJson(String),
    /// One JSON value ends at this line and column, and more text follows it.
    TextAfterJson(String),
    /// Arrays and objects stand in each other deeper than [`MAX_DEPTH`].
    TooDeep,
    /// The value at `place` is not what the contract has there.
    WrongType {
        /// The member, such as `linkedHubs[0]`; empty for the body as a whole.
        place: String,
        /// What was found and what was wanted.
        what: String,
    },
}

/// One member of the request, kept as the text that was sent until somebody reads it.
pub struct Member<'a, T> {
    place: &'static str,
    text: Option<&'a RawValue>,
    kind: PhantomData<fn() -> T>,
}

/// A text, or a scalar taken for one: `7` as `"7"` and `true` as `"True"`, as `(string)` and
/// `ToObject<string[]>` of the C# sample take them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// Where a member of an object goes, by its name; `None` for a member that nobody wants.
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
        _ => Malformed::NotJson(bounded(&error.to_string())),
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

/// Checks that nothing in `json` stands deeper than [`MAX_DEPTH`].
pub(super) fn check_depth(json: &str) -> Result<(), Malformed> {
    // Counting brackets is many times as fast as following them, and what DPS sends has about ten.
    if json.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() <= MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' if depth == MAX_DEPTH => return Err(Malformed::TooDeep),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
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

impl std::error::Error for Malformed {}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WANTED: &str = "An allocation request was wanted: one JSON object, as DPS sends it.";
        match self {
            Self::NotJson(what) => write!(f, "The request body is not JSON: {what}. {WANTED}"),
            Self::TextAfterJson(at) => {
                write!(f, "The request body has text after its JSON, at {at}. {WANTED}")
            }
            Self::TooDeep => write!(
                f,
                "The request body is nested too deep: more than {MAX_DEPTH} arrays and objects in each other. {WANTED}"
            ),
            Self::WrongType { place, what } if place.is_empty() => {
                write!(f, "The request body has the wrong type: {what}. {WANTED}")
            }
            Self::WrongType { place, what } => {
                write!(f, "The request body has the wrong type at {place}: {what}.")
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
        while let Some(slot) = map.next_key_seed(Name(self.0))? {
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

/// Reads a member's name without keeping it.
struct Name(Slot);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.0)(name))
    }
}

/// What the parser calls things, and what people who write JSON do.
const SERDE_WORDS: [(&str, &str); 6] = [
    (", expected a sequence", ", wanted an array"),
    (", expected ", ", wanted "),
    ("invalid type: map,", "found an object,"),
    ("invalid type: sequence,", "found an array,"),
    ("invalid type: ", "found "),
    ("invalid value: ", "found "),
];

/// `path` is where in the member at `place` the error is, `.` for the member itself.
fn wrong_type(place: &str, path: &str, error: &serde_json::Error) -> Malformed {
    let place = match path {
        "." => place.to_owned(),
        index if index.starts_with('[') || place.is_empty() => format!("{place}{path}"),
        member => format!("{place}.{member}"),
    };
    // The parser counts lines and columns within the member, which would only mislead.
    let what = error.to_string();
    let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
    if error.classify() != Category::Data {
        // The whole was read as JSON, so it is the value that cannot be: half a surrogate pair, 1e999.
        return Malformed::WrongType {
            place,
            what: format!("found what has no value ({}), wanted a string", bounded(what)),
        };
    }
    let what = SERDE_WORDS.iter().fold(what.to_owned(), |what, (serde, json)| what.replacen(serde, json, 1));
    Malformed::WrongType { place, what: bounded(&what) }
}

/// The parser's words, without more than a little of what the sender wrote.
fn bounded(what: &str) -> String {
    const MOST: usize = 200;
    match what.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &what[..end]),
        None => what.to_owned(),
    }
}
