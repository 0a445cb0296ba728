//! All that a policy may know of one decision.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::webhook::AllocationRequest;

/// All that a policy may know of one decision: same case, same answer.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The allocation request.
    pub request: &'a AllocationRequest<'a>,
    /// The request's body, the JSON text as received, without a byte-order mark.
    pub body: &'a str,
    /// What each look-up found.
    pub found: &'a Found,
    /// The policy's settings.
    pub settings: &'a PolicySettings,
    /// The one timestamp of this decision.
    pub now: SystemTime,
}

/// What each look-up found, by its name; `None`: there was nothing.
pub type Found = BTreeMap<String, Option<Map<String, Value>>>;

/// App settings that begin with `ALLOCATION_`, by the rest of their name, without those that look-ups name.
pub type PolicySettings = BTreeMap<String, String>;
