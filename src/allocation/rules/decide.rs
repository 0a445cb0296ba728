//! The decision: the first rule that holds, and what it says.

use serde_json::{Map, Value};

use super::language::{Evaluation, Failure, Variables};
use super::template::{Template, Tree};
use super::{Outcome, Rule, Rules};
use crate::allocation::hubs::is_named;
use crate::allocation::{Case, LookupValues, Notes, Policy, Refusal};
use crate::webhook::{AllocationResponse, InitialTwin};

// === impl Rules ===

impl Policy for Rules {
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        let Some(registration_id) = case.request.device_runtime_context.registration_id()? else {
            notes.add("Registration ID : NULL");
            return Err(Refusal::new("Registration ID not provided for the device."));
        };
        let variables = Variables::new(case, registration_id, &self.names);
        let evaluation = Evaluation::new(&self.language, &variables);
        for rule in &self.rules {
            if rule.holds(&evaluation).map_err(|failure| rule.refusal(failure))? {
                notes.add(rule.label.clone());
                return rule.decide(&evaluation, case, notes);
            }
        }
        notes.add("No rule holds");
        Err(Refusal::new("Unrecognized device registration."))
    }

    fn lookup_values(&self, case: &Case<'_>) -> Result<LookupValues, Refusal> {
        let Some(registration_id) = case.request.device_runtime_context.registration_id()? else {
            return Ok(LookupValues::new());
        };
        let variables = Variables::new(case, registration_id, &[]);
        let evaluation = Evaluation::new(&self.language, &variables);
        let mut values = LookupValues::new();
        for lookup in &self.lookups {
            let expressions = lookup.spec.expressions().into_iter();
            let evaluated =
                expressions.map(|expression| evaluation.json(expression)).collect::<Result<_, _>>();
            let evaluated =
                evaluated.map_err(|failure| failure.refusal(&format!("Look-up {:?}", lookup.name)))?;
            values.insert(lookup.name.clone(), evaluated);
        }
        Ok(values)
    }

    fn explain(&self, case: &Case<'_>) -> Option<String> {
        Some(self.explanation(case).ok()??.to_string())
    }

    fn is_computation(&self) -> bool {
        true
    }
}

// === impl Rule ===

impl Rule {
    pub(super) fn holds(&self, evaluation: &Evaluation<'_, '_>) -> Result<bool, Failure> {
        self.when.as_ref().map_or(Ok(true), |when| evaluation.boolean(when))
    }

    fn decide<'a>(
        &self,
        evaluation: &Evaluation<'_, '_>,
        case: &Case<'a>,
        notes: &mut Notes,
    ) -> Result<AllocationResponse<'a>, Refusal> {
        let text = |template: &Template| template.text(evaluation, |value, _| value.to_owned());
        if let Some(note) = &self.note {
            notes.add(text(note).map_err(|failure| self.refusal(failure))?);
        }
        let hub = match &self.outcome {
            Outcome::Hub(hub) => hub,
            Outcome::Refuse(words) => {
                return Err(Refusal::new(text(words).map_err(|failure| self.refusal(failure))?));
            }
            Outcome::AskAgain(words) => {
                return Err(Refusal::ask_again(text(words).map_err(|failure| self.refusal(failure))?));
            }
        };
        let name = evaluation.text(hub).map_err(|failure| self.refusal_at("hub", failure))?;
        let hubs = case.request.linked_hubs()?.unwrap_or_default();
        let position = hubs.iter().position(|hub| **hub == *name);
        let position = position.or_else(|| hubs.iter().position(|hub| is_named(hub, &name)));
        let hub = position.and_then(|position| hubs.into_iter().nth(position));
        let Some(hub) = hub else {
            return Err(Refusal::new(format!(
                "{}: the hub {name:?} is not linked to the enrollment.",
                self.label
            )));
        };
        notes.add(format!("Selected hub : {hub}"));
        let mut response = AllocationResponse::to(hub);
        response.initial_twin = self.object("initialTwin", self.initial_twin.as_ref(), evaluation)?;
        response.payload = self.object("payload", self.payload.as_ref(), evaluation)?;
        Ok(response)
    }

    /// The object that `tree` gives, as a `T`.
    fn object<T: FromMembers>(
        &self,
        name: &'static str,
        tree: Option<&Tree>,
        evaluation: &Evaluation<'_, '_>,
    ) -> Result<Option<T>, Refusal> {
        let Some(tree) = tree else { return Ok(None) };
        let value = tree.value(evaluation).map_err(|failure| self.refusal_at(name, failure))?;
        let value = T::from_members(value);
        value.map(Some).map_err(|words| Refusal::new(format!("{}: {name}{words}.", self.label)))
    }

    fn refusal(&self, failure: Failure) -> Refusal {
        failure.refusal(&self.label)
    }

    /// The refusal for a member whose expression has the wrong type.
    fn refusal_at(&self, member: &str, failure: Failure) -> Refusal {
        match failure {
            Failure::WrongType { .. } => failure.refusal(&format!("{}: {member}", self.label)),
            failure => failure.refusal(&self.label),
        }
    }
}

/// What an object of the answer is made of.
trait FromMembers: Sized {
    fn from_members(value: Value) -> Result<Self, String>;
}

impl FromMembers for Map<String, Value> {
    fn from_members(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(members) => Ok(members),
            other => Err(format!(": expected an object, found {}", kind(&other))),
        }
    }
}

impl FromMembers for InitialTwin {
    fn from_members(value: Value) -> Result<Self, String> {
        if !value.is_object() {
            return Err(format!(": expected an object, found {}", kind(&value)));
        }
        for (place, inner) in
            [("/tags", "tags"), ("/properties", "properties"), ("/properties/desired", "properties.desired")]
        {
            match value.pointer(place) {
                None | Some(Value::Object(_) | Value::Null) => {}
                Some(other) => return Err(format!(".{inner}: expected an object, found {}", kind(other))),
            }
        }
        serde_json::from_value(value).map_err(|error| format!(": {error}"))
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
