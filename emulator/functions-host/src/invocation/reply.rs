//! The handler's reply to an envelope, and what the host makes of it for the caller.
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#response-payload>; the exact
//! rules: `DefaultHttpWorkerService.cs` and `HttpScriptInvocationResultExtensions.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::invocation::call;
use crate::invocation::execution::{Execution, Failure};
use crate::newtonsoft;
use crate::worker::client::Answer;

const RETURN: &str = "$return";

/// Judges the `reply` to a call of a function whose HTTP output has the name `output`, and logs what it logged.
pub(crate) fn judge(reply: &Answer, output: Option<&str>, execution: &Execution) -> Result<Answer, Failure> {
    let invalid = |problem: String| Failure::from(format!("Invalid HttpResponseMessage: {problem}."));
    if !reply.status.is_success() {
        let (code, reason) = (reply.status.as_u16(), reply.status.canonical_reason().unwrap_or_default());
        return Err(format!("Response status code does not indicate success: {code} ({reason}).").into());
    }
    if reply.body.is_empty() {
        return Err(Failure::Hang("an empty reply"));
    }
    let kind = call::text(&reply.headers, header::CONTENT_TYPE).unwrap_or("application/octet-stream");
    let media = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    if !matches!(media.as_str(), "application/json" | "text/json") {
        return Err(invalid(format!(
            "No MediaTypeFormatter is available to read an object of type 'HttpScriptInvocationResult' from content with media type '{media}'"
        )));
    }
    let text = call::decode(&reply.body);
    if text.trim().is_empty() {
        return Err(Failure::Hang("a blank reply"));
    }
    // What comes after the first value is not looked at.
    let members = match Value::deserialize(&mut serde_json::Deserializer::from_str(&text)) {
        Ok(Value::Object(members)) => members,
        Ok(Value::Null) => return Err(Failure::Hang("the reply null")),
        Ok(_) => return Err(invalid("expected a JSON object".to_owned())),
        Err(error) => return Err(invalid(format!("invalid JSON: {error}"))),
    };
    let outputs = match member(&members, "Outputs") {
        Some(Value::Object(outputs)) => Some(outputs),
        None => None,
        Some(_) => return Err(invalid("Outputs: expected an object".to_owned())),
    };
    let logs = member(&members, "Logs").map_or(Ok(Vec::new()), logs).map_err(invalid)?;
    let answer = match (output, outputs, member(&members, "ReturnValue")) {
        (Some(RETURN), _, Some(value)) => respond_with_return(value)?,
        (Some(name), Some(outputs), _) if name != RETURN => match outputs.get(name) {
            None => Answer::text(StatusCode::OK, "{}".into()),
            Some(value) => respond(value, execution)?,
        },
        (_, _, Some(Value::String(text))) => Answer::text(StatusCode::OK, text.clone().into()),
        _ => Answer::empty(StatusCode::NO_CONTENT),
    };
    logs.into_iter().for_each(|log| execution.worker.app.journal.info(log));
    Ok(answer)
}

fn logs(value: &Value) -> Result<Vec<String>, String> {
    let text = |(nth, value): (usize, &Value)| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok("[null]".to_owned()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => Err(format!("Logs[{nth}]: expected a string")),
    };
    let elements = value.as_array().ok_or("Logs: expected an array of strings")?;
    elements.iter().enumerate().map(text).collect()
}

/// The answer that `value`, the HTTP output, describes.
fn respond(value: &Value, execution: &Execution) -> Result<Answer, String> {
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
    let (status, headers) = (member(members, "statusCode"), member(members, "headers"));
    if member(members, "status").is_some() && status.is_none() {
        execution.note("`status` is ignored in a custom handler's output; the member is named `statusCode`");
    }
    if status.is_some_and(|status| status.is_array() || status.is_object()) {
        return unexpected("statusCode: expected a number");
    }
    if headers.is_some_and(|headers| !headers.is_object()) {
        return unexpected("headers: expected an object");
    }
    build(status, headers, member(members, "body"))
}

/// The answer that `value`, a return value, describes: an object with a `body`, or the body itself.
fn respond_with_return(value: &Value) -> Result<Answer, String> {
    let part = |name| value.as_object().and_then(|members| any_member(members, name));
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
        // The host decides on the framing.
        header::TRANSFER_ENCODING | header::CONNECTION => {}
        key if answer.headers.contains_key(&key) => {}
        key => {
            answer.headers.insert(key, value);
        }
    }
    Ok(())
}

/// The member `name`, whatever its case; the one with exactly this case if there are several.
fn any_member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut names = members.keys();
    members.get(name).or_else(|| members.get(names.find(|other| other.eq_ignore_ascii_case(name))?))
}

/// The member `name`, unless it is null.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    any_member(members, name).filter(|value| !value.is_null())
}
