//! The handler's reply to an envelope, and what the host makes of it for the caller.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#response-payload>; the exact
//! rules: `DefaultHttpWorkerService.cs` and `HttpScriptInvocationResultExtensions.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::invocation::answer::Answer;
use crate::invocation::call;
use crate::newtonsoft;
use crate::worker::client::RawReply;

/// The name of an output that is the function's return value.
const RETURN: &str = "$return";

/// What the host makes of a reply.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The caller gets an answer, after the function's `logs` were written.
    Answered {
        logs: Vec<String>,
        /// What in the reply the real host silently ignores.
        ignored: Vec<&'static str>,
        answer: Answer,
    },
    /// The host waits forever, since the reply was empty: why.
    Hangs(&'static str),
    /// The call has failed: why. Its logs are lost.
    Failed(String),
}

/// Judges the `reply` to a call of a function whose HTTP output has the name `output`.
pub(crate) fn judge(reply: &RawReply, output: Option<&str>) -> Verdict {
    if !reply.status.is_success() {
        let status = reply.status;
        return Verdict::Failed(format!(
            "Response status code does not indicate success: {} ({}).",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        ));
    }
    if reply.body.is_empty() {
        return Verdict::Hangs("an empty reply");
    }
    let kind = call::text(&reply.headers, header::CONTENT_TYPE).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    if !matches!(media.as_str(), "application/json" | "text/json") {
        let media = if media.is_empty() { "application/octet-stream" } else { &media };
        return Verdict::Failed(format!(
            "Invalid HttpResponseMessage: No MediaTypeFormatter is available to read an object of type 'HttpScriptInvocationResult' from content with media type '{media}'."
        ));
    }
    let text = call::decode(&reply.body);
    if text.trim().is_empty() {
        return Verdict::Hangs("a blank reply");
    }
    // What comes after the first value is not looked at.
    match Value::deserialize(&mut serde_json::Deserializer::from_str(&text)) {
        Ok(Value::Null) => Verdict::Hangs("the reply null"),
        Ok(Value::Object(members)) => result(&members, output)
            .unwrap_or_else(|problem| Verdict::Failed(format!("Invalid HttpResponseMessage: {problem}."))),
        Ok(_) => Verdict::Failed("Invalid HttpResponseMessage: expected a JSON object.".to_owned()),
        Err(error) => Verdict::Failed(format!("Invalid HttpResponseMessage: invalid JSON: {error}.")),
    }
}

/// Judges the members of a reply; an error says what is wrong with one of them.
fn result(members: &Map<String, Value>, output: Option<&str>) -> Result<Verdict, String> {
    let logs = logs(member(members, "Logs"))?;
    let returned = member(members, "ReturnValue").filter(|value| !value.is_null());
    let outputs = match member(members, "Outputs") {
        None | Some(Value::Null) => None,
        Some(Value::Object(outputs)) => Some(outputs),
        Some(_) => return Err("Outputs: expected an object".to_owned()),
    };
    let mut ignored = Vec::new();
    let answer = match (output, outputs, returned) {
        (Some(RETURN), _, Some(value)) => respond_with_return(value),
        (Some(name), Some(outputs), _) if name != RETURN => match outputs.get(name) {
            None => Ok(Answer::text(StatusCode::OK, "{}".into())),
            Some(value) => respond(value, &mut ignored),
        },
        (_, _, Some(Value::String(text))) => Ok(Answer::text(StatusCode::OK, text.clone().into())),
        _ => Ok(Answer::empty(StatusCode::NO_CONTENT)),
    };
    Ok(match answer {
        Ok(answer) => Verdict::Answered { logs, ignored, answer },
        Err(reason) => Verdict::Failed(reason),
    })
}

/// The elements of `Logs` as texts.
fn logs(value: Option<&Value>) -> Result<Vec<String>, String> {
    let elements = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(elements)) => elements,
        Some(_) => return Err("Logs: expected an array of strings".to_owned()),
    };
    let text = |(nth, value): (usize, &Value)| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok("[null]".to_owned()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => Err(format!("Logs[{nth}]: expected a string")),
    };
    elements.iter().enumerate().map(text).collect()
}

/// The answer that `value`, the HTTP output, describes.
fn respond(value: &Value, ignored: &mut Vec<&'static str>) -> Result<Answer, String> {
    let unexpected = |problem: &str| {
        Err(format!(
            "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format: {problem}."
        ))
    };
    // A string that contains the JSON of an object is accepted.
    let parsed = value.as_str().map(|text| serde_json::from_str::<Value>(text).unwrap_or_default());
    let Value::Object(members) = parsed.as_ref().unwrap_or(value) else {
        return unexpected("expected an object");
    };
    let member = |name| member(members, name).filter(|value| !value.is_null());
    let status = member("statusCode");
    if member("status").is_some() && status.is_none() {
        ignored.push("`status` is ignored in a custom handler's output; the member is named `statusCode`");
    }
    if status.is_some_and(|status| status.is_array() || status.is_object()) {
        return unexpected("statusCode: expected a number");
    }
    if member("headers").is_some_and(|headers| !headers.is_object()) {
        return unexpected("headers: expected an object");
    }
    build(status, member("headers"), member("body"))
}

/// The answer that `value`, a return value, describes: an object with a `body`, or the body itself.
fn respond_with_return(value: &Value) -> Result<Answer, String> {
    let part = |name| value.as_object().and_then(|members| member(members, name));
    match part("body") {
        Some(body) => build(part("statusCode").or(part("status")), part("headers"), Some(body)),
        None => build(None, None, Some(value)),
    }
}

fn build(status: Option<&Value>, headers: Option<&Value>, body: Option<&Value>) -> Result<Answer, String> {
    let number =
        status.and_then(|status| newtonsoft::print(status).trim().parse::<i32>().ok()).unwrap_or(200);
    let status = u16::try_from(number).ok().filter(|number| *number >= 200);
    let status = status.and_then(|number| StatusCode::from_u16(number).ok());
    let status = status.ok_or_else(|| format!("statusCode {number}: expected 200 to 999."))?;
    let mut answer = Answer::text(status, body.map(newtonsoft::print).unwrap_or_default().into());
    for (name, value) in headers.and_then(Value::as_object).into_iter().flatten() {
        add_header(&mut answer, name, value)?;
    }
    Ok(answer)
}

fn add_header(answer: &mut Answer, name: &str, value: &Value) -> Result<(), String> {
    let invalid = |problem: &str| format!("The header {name:?} of the output is invalid: {problem}.");
    if value.is_null() {
        return Err(invalid("expected a string, found null"));
    }
    let key = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid("expected a name of letters, digits and -"))?;
    let value =
        HeaderValue::from_str(&newtonsoft::print(value)).map_err(|_| invalid("expected one line of text"))?;
    match key {
        header::CONTENT_TYPE => answer.set_content_type(value),
        header::CONTENT_LENGTH if value.as_bytes() != answer.body.len().to_string().as_bytes() => {
            return Err(invalid("expected the length of the body in bytes"));
        }
        // The framing is the host's affair.
        header::TRANSFER_ENCODING | header::CONNECTION => {}
        key if answer.headers.contains_key(&key) => {}
        key => {
            answer.headers.insert(key, value);
        }
    }
    Ok(())
}

/// The member `name`, whatever its case; the one with exactly this case if there are several.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let ignoring_case =
        || members.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    members.get(name).or_else(ignoring_case)
}
