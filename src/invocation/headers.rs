//! The caller's headers in the host's envelope: `{"Content-Type":["application/json"],…}`.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::member_name::MemberName;

/// What matters of the caller's headers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallerHeaders {
    /// `application/octet-stream` or `multipart/…`, for which the host sends the body as base64.
    pub(super) binary: bool,
    /// `Transfer-Encoding: chunked`: the host drops such a body, because it has no length
    /// (<https://github.com/Azure/azure-functions-host/issues/4926>).
    pub(super) chunked: bool,
}

/// A header of which a value matters.
#[derive(Clone, Copy)]
enum Header {
    ContentType,
    TransferEncoding,
}

impl Header {
    /// In any casing: the host keeps the caller's.
    fn of(name: &str) -> Option<Self> {
        match name {
            _ if name.eq_ignore_ascii_case("content-type") => Some(Self::ContentType),
            _ if name.eq_ignore_ascii_case("transfer-encoding") => Some(Self::TransferEncoding),
            _ => None,
        }
    }

    fn matters(self, value: &str) -> bool {
        let value = value.to_ascii_lowercase();
        match self {
            Self::ContentType => value.contains("application/octet-stream") || value.contains("multipart/"),
            Self::TransferEncoding => value.contains("chunked"),
        }
    }
}

impl<'de> Deserialize<'de> for CallerHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = CallerHeaders;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of headers")
    }

    fn visit_unit<E>(self) -> Result<CallerHeaders, E> {
        Ok(CallerHeaders::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CallerHeaders, A::Error> {
        let mut headers = CallerHeaders::default();
        while let Some(header) = map.next_key_seed(MemberName(Header::of))? {
            match header {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(header) => {
                    let matters = map.next_value_seed(Values(header))?;
                    match header {
                        Header::ContentType => headers.binary |= matters,
                        Header::TransferEncoding => headers.chunked |= matters,
                    }
                }
            }
        }
        Ok(headers)
    }
}

/// A header's value, or as the host sends it, an array of values: whether one of them matters.
struct Values(Header);

impl<'de> DeserializeSeed<'de> for Values {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's value, or an array of them")
    }

    fn visit_str<E>(self, value: &str) -> Result<bool, E> {
        Ok(self.0.matters(value))
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<bool, A::Error> {
        let mut matters = false;
        while let Some(value) = values.next_element_seed(Values(self.0))? {
            matters |= value;
        }
        Ok(matters)
    }
}
