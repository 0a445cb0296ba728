//! The JSON in which the Functions host calls a custom handler and in which it is answered.
//!
//! Documented at <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>; what
//! the page leaves open (that `statusCode` is the caller's status, that a `body` text goes out as it
//! stands) is settled by the host's source, <https://github.com/Azure/azure-functions-host>, in
//! `src/WebJobs.Script/Workers/Http` and `src/WebJobs.Script/Binding/Http`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::body::{self, Unread};
use crate::function::Run;

/// Takes the caller's body out of `invocation`: the text of `Data.req.Body`, decoded when the host
/// encoded it. Absent is empty: the host leaves the member out when the caller sent nothing. Every
/// other member, known or not, is passed over.
///
/// # Errors
///
/// [`Unread::NoInvocation`] when `invocation` is not JSON of that shape, [`Unread::TooLarge`] when the body
/// has more than `most` bytes.
pub fn caller_body(invocation: &str, most: usize) -> Result<String, Unread> {
    let Invocation { data: Data { req } } =
        serde_json::from_str(invocation).map_err(|error| Unread::NoInvocation(without_quotes(&error)))?;
    let body = req.body.unwrap_or_default();
    // What is no base64 was not encoded: it is the body itself.
    let decoded = if req.headers.say_binary { STANDARD.decode(&body).ok() } else { None };
    if decoded.as_ref().map_or(body.len(), Vec::len) > most {
        return Err(Unread::TooLarge(most));
    }
    Ok(decoded.map_or(body, |bytes| body::text(&bytes).into_owned()))
}

/// The parser's words without what they quote: an invocation holds headers, queries and keys.
fn without_quotes(error: &serde_json::Error) -> String {
    let words = error.to_string();
    match words.rsplit_once(", expected ") {
        Some((_, wanted)) => format!("expected {wanted}"),
        None => words,
    }
}

/// Writes the reply to the invocation that brought `body`, if that could be read. To the host it is always a
/// success, because the host drops the log of anything else; what the caller gets is inside.
#[must_use]
pub fn reply(run: &Run, body: Option<&str>) -> Vec<u8> {
    let answer = &run.answer;
    let reply = Reply {
        outputs: Outputs {
            res: Response {
                status_code: answer.status,
                headers: Headers { content_type: answer.content_type },
                body: &answer.body,
            },
        },
        logs: Logs { run, body },
        return_value: (),
    };
    // Room for the body in the log, whose quotation marks are escaped, and for what stands around it.
    let body = body.map_or(0, str::len);
    let mut bytes = Vec::with_capacity(body + body / 4 + 768);
    match serde_json::to_writer(&mut bytes, &reply) {
        Ok(()) => bytes,
        // Texts can always be written; but on an empty reply the host would wait for minutes.
        Err(_) => br#"{"Outputs":{"res":{"statusCode":500}},"Logs":[],"ReturnValue":null}"#.to_vec(),
    }
}

// === what the host sends ===

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Invocation {
    #[serde(rename = "Data")]
    data: Data,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Data {
    /// The trigger binding's name in `HttpTrigger1/function.json`.
    req: Request,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Request {
    #[serde(rename = "Headers", default)]
    headers: CallerHeaders,
    #[serde(rename = "Body")]
    body: Option<String>,
}

/// The one thing to know of the caller's headers: whether the host took the body for binary, and so
/// sent it as base64. It does for `application/octet-stream` and for `multipart/…`.
#[derive(Default)]
struct CallerHeaders {
    say_binary: bool,
}

impl<'de> Deserialize<'de> for CallerHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CallerHeadersVisitor)
    }
}

struct CallerHeadersVisitor;

impl<'de> Visitor<'de> for CallerHeadersVisitor {
    type Value = CallerHeaders;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of headers")
    }

    fn visit_unit<E>(self) -> Result<CallerHeaders, E> {
        Ok(CallerHeaders::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CallerHeaders, A::Error> {
        let mut headers = CallerHeaders::default();
        while let Some(IsContentType(is)) = map.next_key()? {
            if is {
                headers.say_binary |= map.next_value_seed(SaysBinary)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(headers)
    }
}

/// A header's name, of which it matters only whether it is `Content-Type`, in any casing.
struct IsContentType(bool);

impl<'de> Deserialize<'de> for IsContentType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = IsContentType;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a header's name")
            }

            fn visit_str<E>(self, name: &str) -> Result<IsContentType, E> {
                Ok(IsContentType(name.eq_ignore_ascii_case("content-type")))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

/// A content type: the text itself, or as the host sends it, an array of texts.
struct SaysBinary;

impl<'de> DeserializeSeed<'de> for SaysBinary {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SaysBinary {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a content type, or an array of them")
    }

    fn visit_str<E>(self, value: &str) -> Result<bool, E> {
        let value = value.to_ascii_lowercase();
        Ok(value.contains("application/octet-stream") || value.contains("multipart/"))
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<bool, A::Error> {
        let mut binary = false;
        while let Some(says) = values.next_element_seed(SaysBinary)? {
            binary |= says;
        }
        Ok(binary)
    }
}

// === what it is answered ===

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    outputs: Outputs<'a>,
    logs: Logs<'a>,
    return_value: (),
}

struct Logs<'a> {
    run: &'a Run,
    body: Option<&'a str>,
}

impl Serialize for Logs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.run.log(self.body))
    }
}

#[derive(Serialize)]
struct Outputs<'a> {
    /// The output binding's name in `HttpTrigger1/function.json`, in this very case.
    res: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    status_code: u16,
    headers: Headers,
    /// Text, even when it is JSON: an object would be laid out anew by the host.
    body: &'a str,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "Content-Type")]
    content_type: &'static str,
}
