//! What a webhook's reply means for the device.
//!
//! The table is that of
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies#troubleshooting-custom-allocation-policies>.
//! The message `Custom allocation failed with status code: N` is the service's own; where its words are
//! not known, the message says that it is the emulator's.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::compact::compact;
use crate::enrollments::initial_twin;
use crate::quoted::quoted;
use crate::registration::outcome::{Allocated, Failure};

/// `CustomAllocationFailed`.
const FAILED: u32 = 400_207;
/// `CustomAllocationIotHubNotSpecified`.
const HUB_NOT_SPECIFIED: u32 = 400_208;
/// `CustomAllocationUnauthorizedAccess`.
const UNAUTHORIZED: u32 = 400_209;

/// Where the author of a policy tells what came of a string as its payload.
const PAYLOADS: &str = "https://github.com/MicrosoftDocs/azure-docs/issues/81865";

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// An answer.
    Answered {
        /// Its status.
        status: u16,
        /// Its body, unless that was longer than is read.
        body: Option<Bytes>,
    },
    /// No connection, or no whole answer in time, and why.
    Nothing(String),
}

/// What a reply means.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// A hub.
    Assigned {
        allocated: Allocated,
        /// What in the answer the service or the device may not understand.
        remarks: Vec<String>,
    },
    /// A final refusal.
    Failed {
        failure: Failure,
        /// What was wrong, where the status does not say it.
        remark: Option<String>,
    },
    /// A failure that may be temporary. It is final if there is no further call.
    Again(Failure),
}

/// An allocation response:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-response>.
struct AllocationResponse<'a> {
    hub: Option<String>,
    initial_twin: Option<&'a RawValue>,
    payload: Option<&'a RawValue>,
    /// Members not written as documented.
    remarks: Vec<String>,
}

/// What `reply` means for a device that is to get one of `linked_hubs`; that is `kept`, if the device keeps its hub.
pub(crate) fn judge(reply: &Reply, linked_hubs: &[&str], kept: Option<&str>) -> Judgement {
    match reply {
        Reply::Answered { status: 200, body } => judge_body(body.as_deref(), linked_hubs, kept),
        Reply::Answered { status: 401, .. } => refused(UNAUTHORIZED, with_status(401), None),
        Reply::Answered { status: status @ 429.., .. } => {
            Judgement::Again(Failure { code: FAILED, message: with_status(*status) })
        }
        Reply::Answered { status, .. } => refused(FAILED, with_status(*status), None),
        Reply::Nothing(_) => {
            Judgement::Again(Failure { code: FAILED, message: own_words("the webhook gave no answer") })
        }
    }
}

fn judge_body(body: Option<&[u8]>, linked_hubs: &[&str], kept: Option<&str>) -> Judgement {
    let answer = match body.map(parse) {
        Some(Ok(answer)) => answer,
        Some(Err(reason)) => {
            let message = own_words("the webhook answered 200 with an invalid allocation response");
            return refused(FAILED, message, Some(format!("the webhook's body cannot be read: {reason}")));
        }
        None => {
            let message = own_words("the webhook answered 200 with a body that is too long");
            return refused(FAILED, message, None);
        }
    };
    let Some(name) = answer.hub.filter(|name| !name.is_empty()) else {
        let message = own_words("the webhook answered 200 without iotHubHostName");
        let remark = "the webhook's body has no iotHubHostName, or an empty one";
        return refused(HUB_NOT_SPECIFIED, message, Some(remark.to_owned()));
    };
    let mut remarks = answer.remarks;
    let named = linked_hubs.iter().find(|hub| hub.eq_ignore_ascii_case(&name)).copied();
    if let (None, Some(kept)) = (named, kept) {
        let name = quoted(&name);
        remarks
            .push(format!("the webhook answered {name}; a device that is never re-provisioned keeps {kept}"));
    }
    let Some(hub) = named.or(kept) else {
        let message = own_words("the webhook answered a hub that is not among the linkedHubs it was sent");
        let (name, hubs) = (quoted(&name), linked_hubs.join(", "));
        let remark = format!("the webhook answered {name}, expected one of the linkedHubs {hubs}");
        return refused(FAILED, message, Some(remark));
    };

    for problem in answer.initial_twin.map(initial_twin::problems).unwrap_or_default() {
        remarks.push(format!("the webhook's initialTwin: {problem}"));
    }
    match answer.payload.map(kind) {
        None | Some("an object") => {}
        Some("an array") => remarks.push(
            "expected an object as the webhook's payload, found an array; some devices cannot read that"
                .to_owned(),
        ),
        Some(found) => {
            let message = own_words("the webhook's payload is not an object");
            let remark = format!(
                "expected an object as the webhook's payload, found {found}: refused, as one author saw the service do \
                 ({PAYLOADS})"
            );
            return refused(FAILED, message, Some(remark));
        }
    }
    let allocated = Allocated {
        hub: hub.to_owned(),
        initial_twin: answer.initial_twin.map(compact),
        payload: answer.payload.map(compact),
    };
    Judgement::Assigned { allocated, remarks }
}

fn parse(body: &[u8]) -> Result<AllocationResponse<'_>, String> {
    let text = str::from_utf8(body).map_err(|_| "not valid UTF-8".to_owned())?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if !text.starts_with('{') {
        return Err("expected a JSON object".to_owned());
    }
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| format!("invalid JSON: {error}"))?;
    let mut remarks = Vec::new();
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
    let (initial_twin, payload) = (member("initialTwin"), member("payload"));
    let hub = hub.map_err(|_| "expected a string as iotHubHostName".to_owned())?;
    Ok(AllocationResponse { hub, initial_twin, payload, remarks })
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

fn refused(code: u32, message: String, remark: Option<String>) -> Judgement {
    Judgement::Failed { failure: Failure { code, message }, remark }
}

fn with_status(status: u16) -> String {
    format!("Custom allocation failed with status code: {status}")
}

fn own_words(problem: &str) -> String {
    format!("Custom allocation failed: {problem} (the emulator's words; the service's are not known)")
}
