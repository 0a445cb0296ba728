//! What a webhook's reply means for the device.
//!
//! The table is that of
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies#troubleshooting-custom-allocation-policies>.
//! The message `Custom allocation failed with status code: N` is the service's own; where its words are
//! not known, the message says that it is the emulator's.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::compact::compact;
use crate::enrollments::initial_twin;
use crate::quoted::quoted;
use crate::registration::record::{Allocated, Failure};

/// `CustomAllocationFailed`.
pub(crate) const FAILED: u32 = 400_207;
/// `CustomAllocationIotHubNotSpecified`.
const HUB_NOT_SPECIFIED: u32 = 400_208;
/// `CustomAllocationUnauthorizedAccess`.
const UNAUTHORIZED: u32 = 400_209;

/// Where the author of a policy tells what came of a string as its payload.
const PAYLOADS: &str = "https://github.com/MicrosoftDocs/azure-docs/issues/81865";

/// An allocation response:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-response>.
struct AllocationResponse<'a> {
    hub: Option<String>,
    initial_twin: Option<&'a RawValue>,
    payload: Option<&'a RawValue>,
}

/// What a reply means for a device that is to get one of `linked_hubs`; that is `kept`, if the device keeps its hub.
/// `body` is `None` if it was longer than is read. What the status does not say is added to `remarks`, for the log.
pub(crate) fn judge(
    status: u16,
    body: Option<&[u8]>,
    linked_hubs: &[&str],
    kept: Option<&str>,
    remarks: &mut Vec<String>,
) -> Result<Allocated, Failure> {
    let with_status = |code| {
        let message = format!("Custom allocation failed with status code: {status}");
        Err(Failure { code, message })
    };
    let body = match (status, body) {
        (200, Some(body)) => body,
        (200, None) => return own_words(FAILED, "the webhook answered 200 with a body that is too long"),
        (401, _) => return with_status(UNAUTHORIZED),
        _ => return with_status(FAILED),
    };
    let response = match parse(body, remarks) {
        Ok(response) => response,
        Err(reason) => {
            remarks.push(format!("the webhook's body cannot be read: {reason}"));
            return own_words(FAILED, "the webhook answered 200 with an invalid allocation response");
        }
    };
    let Some(name) = response.hub.filter(|name| !name.is_empty()) else {
        remarks.push("the webhook's body has no iotHubHostName, or an empty one".to_owned());
        return own_words(HUB_NOT_SPECIFIED, "the webhook answered 200 without iotHubHostName");
    };
    let (named, shown) = (linked_hubs.iter().find(|hub| hub.eq_ignore_ascii_case(&name)), quoted(&name));
    let hub = match (named, kept) {
        (Some(hub), _) => hub,
        (None, Some(kept)) => {
            remarks.push(format!(
                "the webhook answered {shown}; a device that is never re-provisioned keeps {kept}"
            ));
            kept
        }
        (None, None) => {
            let hubs = linked_hubs.join(", ");
            remarks.push(format!("the webhook answered {shown}, expected one of the linkedHubs {hubs}"));
            return own_words(
                FAILED,
                "the webhook answered a hub that is not among the linkedHubs it was sent",
            );
        }
    };
    for problem in response.initial_twin.map(initial_twin::problems).unwrap_or_default() {
        remarks.push(format!("the webhook's initialTwin: {problem}"));
    }
    if let Some(found) = response.payload.map(kind).filter(|kind| *kind != "an object") {
        let expected = format!("expected an object as the webhook's payload, found {found}");
        if found != "an array" {
            remarks.push(format!("{expected}: refused, as one author saw the service do ({PAYLOADS})"));
            return own_words(FAILED, "the webhook's payload is not an object");
        }
        remarks.push(format!("{expected}; some devices cannot read that"));
    }
    let (initial_twin, payload) = (response.initial_twin.map(compact), response.payload.map(compact));
    Ok(Allocated { hub: hub.to_owned(), initial_twin, payload })
}

/// A failure for which the service's own words are not known.
pub(crate) fn own_words<T>(code: u32, problem: &str) -> Result<T, Failure> {
    let message =
        format!("Custom allocation failed: {problem} (the emulator's words; the service's are not known)");
    Err(Failure { code, message })
}

/// Reads `body`. Members in another case are understood and remarked on.
fn parse<'a>(body: &'a [u8], remarks: &mut Vec<String>) -> Result<AllocationResponse<'a>, String> {
    let text = str::from_utf8(body).map_err(|_| "not valid UTF-8".to_owned())?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if !text.starts_with('{') {
        return Err("expected a JSON object".to_owned());
    }
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| format!("invalid JSON: {error}"))?;
    let mut member = |name: &str| {
        let exact = members.get(name).copied();
        let value = exact.or_else(|| {
            let (other, value) = members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name))?;
            remarks.push(format!("the webhook wrote {other}, expected {name}"));
            Some(*value)
        });
        value.filter(|value| value.get() != "null")
    };
    let hub = member("iotHubHostName").map(|hub| serde_json::from_str(hub.get())).transpose();
    let hub = hub.map_err(|_| "expected a string as iotHubHostName".to_owned())?;
    Ok(AllocationResponse { hub, initial_twin: member("initialTwin"), payload: member("payload") })
}

/// What `value` is.
fn kind(value: &RawValue) -> &'static str {
    match value.get().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}
