//! What the host is answered: `{"Outputs":{"res":{…}},"Logs":["…"],"ReturnValue":null}`.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::CallerBody;
use crate::function::Run;

/// The name of an HTTP output by which a function's return value is its response.
const RETURN: &str = "$return";

/// Writes the reply to the invocation that brought `body`, if that could be read. To the host it is always a
/// success, because the host drops the log of anything else; what the caller gets is inside, in the output of this
/// name.
#[must_use]
pub fn write(run: &Run, body: Option<&CallerBody<'_>>, output: &str) -> Vec<u8> {
    let answer = &run.answer;
    let response = Response {
        status_code: answer.status,
        headers: Headers { content_type: answer.content_type },
        body: &answer.body,
    };
    // The host takes `$return` from here, and reads no other function's.
    let return_value = (output == RETURN).then_some(&response);
    let reply = Reply {
        outputs: Outputs { name: output, response: &response },
        logs: Logs { run, body },
        return_value,
    };
    // Space for the body in the log and what stands around it: the body is the larger part of most replies.
    let body = body.map_or(0, |body| body.json.map_or(body.text.len() * 2, |json| json.get().len()));
    let mut bytes = Vec::with_capacity(body + answer.body.len() * 2 + 1024);
    match serde_json::to_writer(&mut bytes, &reply) {
        Ok(()) => bytes,
        // Strings can always be written; but on an empty reply the host would wait for minutes.
        Err(_) => br#"{"Outputs":{},"Logs":[],"ReturnValue":null}"#.to_vec(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    outputs: Outputs<'a>,
    logs: Logs<'a>,
    return_value: Option<&'a Response<'a>>,
}

/// One response, by the name of the function's HTTP output, in this very case.
struct Outputs<'a> {
    name: &'a str,
    response: &'a Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    status_code: u16,
    headers: Headers,
    /// A string, even when it holds JSON: an object would be laid out anew by the host.
    body: &'a str,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "Content-Type")]
    content_type: &'static str,
}

struct Logs<'a> {
    run: &'a Run,
    body: Option<&'a CallerBody<'a>>,
}

/// An entry of the log.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Text(&'a str),
    /// The body as the host wrote it: to escape it again would give the same.
    Json(&'a RawValue),
}

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut outputs = serializer.serialize_map(Some(1))?;
        outputs.serialize_entry(self.name, self.response)?;
        outputs.end()
    }
}

impl Serialize for Logs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body = self.body.map(|body| body.json.map_or(Entry::Text(&body.text), Entry::Json));
        serializer.collect_seq(self.run.log(body))
    }
}

impl<'a> From<&'a str> for Entry<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}
