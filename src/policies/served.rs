//! A policy as it is served: with its look-ups and its settings.

use std::fmt;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::allocation::{Case, Found, Notes, Policy, PolicySettings, Refusal};
use crate::lookups::{Finding, Lookup, Lookups, Question};
use crate::mistakes::Mistakes;
use crate::webhook::AllocationRequest;

/// A policy as it is served.
pub struct ServedPolicy {
    policy: Box<dyn Policy>,
    lookups: Lookups,
    settings: PolicySettings,
}

/// What was looked up for one decision.
#[derive(Debug)]
pub struct LookedUp {
    /// What was found; or a refusal, because a look-up failed.
    pub found: Result<Found, Refusal>,
    /// A line for the log for each look-up.
    pub lines: Vec<String>,
    /// The one timestamp of the decision.
    pub now: SystemTime,
}

// === impl ServedPolicy ===

impl ServedPolicy {
    /// A policy without look-ups and settings.
    pub fn new(policy: impl Policy + 'static) -> Self {
        Self { policy: Box::new(policy), lookups: Lookups::default(), settings: PolicySettings::new() }
    }

    /// This policy with look-ups, which are asked before it decides.
    #[must_use]
    pub fn with_lookups(self, lookups: Lookups) -> Self {
        Self { lookups, ..self }
    }

    /// This policy with settings of its own.
    #[must_use]
    pub fn with_settings(self, settings: PolicySettings) -> Self {
        Self { settings, ..self }
    }

    /// Whether it decides by pure computation; see [`Policy::is_computation`].
    #[must_use]
    pub fn is_computation(&self) -> bool {
        self.policy.is_computation()
    }

    /// Whether there is something to look up before it decides.
    #[must_use]
    pub fn has_lookups(&self) -> bool {
        !self.lookups.is_empty()
    }

    /// Asks the look-ups about the device of the request in `body`. `inputs` are what the app's input bindings
    /// brought, when the request came in an envelope.
    ///
    /// A request that cannot be read, or without a registration id, is not looked up: the policy refuses it.
    pub async fn look_up(&self, body: &str, inputs: Option<&Map<String, Value>>) -> LookedUp {
        let nothing = LookedUp::default();
        let Ok(request) = AllocationRequest::parse(body) else { return nothing };
        let Ok(Some(registration_id)) = request.device_runtime_context.registration_id() else {
            return nothing;
        };
        let found = Found::new();
        let values = match self.policy.lookup_values(&self.case(&request, body, &found, nothing.now)) {
            Ok(values) => values,
            Err(refusal) => return LookedUp { found: Err(refusal), ..nothing },
        };
        let answers = self.lookups.ask(&registration_id, &values, inputs).await;
        let found = answers.found.map_err(|failure| Refusal::ask_again(format!("{failure}; ask again.")));
        LookedUp { found, lines: answers.lines, ..nothing }
    }

    /// Has the look-up `name` find this instead of being asked.
    ///
    /// # Errors
    ///
    /// [`Mistakes`] when the policy has no such look-up.
    pub fn give(&mut self, name: &str, found: Option<Map<String, Value>>) -> Result<(), Mistakes> {
        if self.lookups.replace(name, Box::new(Given(found))) {
            return Ok(());
        }
        let names = self.lookups.names().collect::<Vec<_>>().join(", ");
        let expected =
            if names.is_empty() { "the policy has none".to_owned() } else { format!("expected {names}") };
        Err(Mistakes::from(format!("There is no look-up {name:?}; {expected}")))
    }

    /// Why it decides as it does about the request in `body`, in plain text, if it can say so: a rules file can.
    #[must_use]
    pub fn explain(&self, body: &str, looked_up: &LookedUp) -> Option<String> {
        let request = AllocationRequest::parse(body).ok()?;
        let found = looked_up.found.as_ref().ok()?;
        self.policy.explain(&self.case(&request, body, found, looked_up.now))
    }

    /// Decides about the device of the request in `body`: the allocation response as JSON, or a refusal.
    pub(crate) fn decide(
        &self,
        body: &str,
        looked_up: LookedUp,
        notes: &mut Notes,
    ) -> Result<String, Refusal> {
        let LookedUp { found, lines, now } = looked_up;
        for line in lines {
            notes.add(line);
        }
        let request = AllocationRequest::parse(body)?;
        let found = found?;
        let response = self.policy.allocate(&self.case(&request, body, &found, now), notes)?;
        serde_json::to_string(&response)
            .map_err(|error| Refusal::new(format!("The allocation response cannot be written: {error}.")))
    }

    fn case<'a>(
        &'a self,
        request: &'a AllocationRequest<'a>,
        body: &'a str,
        found: &'a Found,
        now: SystemTime,
    ) -> Case<'a> {
        let body = body.strip_prefix('\u{feff}').unwrap_or(body);
        Case { request, body, found, settings: &self.settings, now }
    }
}

impl fmt::Debug for ServedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedPolicy").field("lookups", &self.lookups).finish_non_exhaustive()
    }
}

/// A look-up that is not asked: what it finds is given.
#[derive(Debug)]
struct Given(Option<Map<String, Value>>);

impl Lookup for Given {
    fn subject(&self) -> String {
        "given".to_owned()
    }

    fn find<'a>(&'a self, _: &'a Question<'a>) -> Finding<'a> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

// === impl LookedUp ===

impl Default for LookedUp {
    /// Nothing was looked up, now.
    fn default() -> Self {
        Self { found: Ok(Found::new()), lines: Vec::new(), now: SystemTime::now() }
    }
}
