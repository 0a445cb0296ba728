use std::time::SystemTime;

use dps_custom_allocation::allocation::{Case, Found, Notes, Policy, PolicySettings, Refusal};
use dps_custom_allocation::function::{self, Run};
use dps_custom_allocation::log_body::LogBody;
use dps_custom_allocation::policies::{LookedUp, ServedPolicy};
use dps_custom_allocation::webhook::AllocationRequest;

/// What came of one decision.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// 200 assigned, 400 refused, 503 ask again.
    pub status: u16,
    /// The allocation response as JSON, or the refusal's words.
    pub answer: String,
    /// The policy's lines for the log.
    pub notes: Vec<String>,
}

/// What a policy decides on besides the request.
#[derive(Default)]
pub struct Besides {
    pub found: Found,
    pub settings: PolicySettings,
}

/// Lets a policy decide on a body, with no look-ups and no settings.
pub fn decide(policy: &dyn Policy, body: &str) -> Decision {
    decide_with(policy, body, &Besides::default())
}

/// Lets a policy decide on a body and on what was found and set besides.
pub fn decide_with(policy: &dyn Policy, body: &str, besides: &Besides) -> Decision {
    let mut notes = Notes::default();
    let outcome = AllocationRequest::parse(body).map_err(Refusal::from).and_then(|request| {
        let Besides { found, settings } = besides;
        let case = Case { request: &request, body, found, settings, now: SystemTime::UNIX_EPOCH };
        let response = policy.allocate(&case, &mut notes)?;
        Ok(serde_json::to_string(&response).unwrap())
    });
    let (status, answer) = match outcome {
        Ok(answer) => (200, answer),
        Err(refusal) => (if refusal.asks_again() { 503 } else { 400 }, refusal.to_string()),
    };
    Decision { status, answer, notes: notes.into_lines() }
}

/// Runs the function with a policy that has no look-ups.
pub fn run(policy: impl Policy + 'static, body: &str) -> Run {
    function::run(body, &ServedPolicy::new(policy), LookedUp::default(), LogBody::Full)
}
