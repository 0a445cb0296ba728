//! Why a device was decided on as it was: every rule up to the one that held.

use std::fmt;

use super::Rules;
use super::language::{Evaluation, Failure, Part, Variables};
use crate::allocation::{Case, Refusal};

/// Every rule up to the one that decided, with the values of its condition's parts. `Display` is plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rules, in the order of the file.
    pub rules: Vec<RuleExplanation>,
    /// How many rules the file has besides, which were not reached.
    pub not_reached: usize,
}

/// Why a rule held or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleExplanation {
    /// `Rule "toasters"`, or `Rule 3` of one without a name.
    pub rule: String,
    /// Whether it holds; or why that cannot be said, which refuses the device.
    pub holds: Result<bool, String>,
    /// The parts of its condition; none when it has no condition.
    pub parts: Vec<Part>,
}

// === impl Rules ===

impl Rules {
    /// Explains the decision on `case`. `None` when the request has no registration id: it is refused before
    /// any rule.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] when the registration id cannot be read.
    pub fn explanation(&self, case: &Case<'_>) -> Result<Option<Explanation>, Refusal> {
        let Some(registration_id) = case.request.device_runtime_context.registration_id()? else {
            return Ok(None);
        };
        let variables = Variables::new(case, registration_id, &self.names);
        let evaluation = Evaluation::new(&self.language, &variables);
        let mut rules = Vec::new();
        for rule in &self.rules {
            let holds = rule.holds(&evaluation).map_err(|failure: Failure| failure.to_string());
            let decided = holds != Ok(false);
            let parts = rule.when.as_ref().map(|when| evaluation.parts(when)).unwrap_or_default();
            rules.push(RuleExplanation { rule: rule.label.clone(), holds, parts });
            if decided {
                break;
            }
        }
        let not_reached = self.rules.len() - rules.len();
        Ok(Some(Explanation { rules, not_reached }))
    }
}

// === impl Explanation ===

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.rules {
            match &rule.holds {
                Ok(true) => writeln!(f, "{} holds", rule.rule)?,
                Ok(false) => writeln!(f, "{} does not hold", rule.rule)?,
                Err(words) => writeln!(f, "{} refuses: {words}", rule.rule)?,
            }
            for part in &rule.parts {
                let indent = "  ".repeat(part.depth + 1);
                match &part.value {
                    Some(Ok(value)) => writeln!(f, "{indent}{} = {value}", part.source)?,
                    Some(Err(words)) => writeln!(f, "{indent}{}: {words}", part.source)?,
                    None => writeln!(f, "{indent}{}: not needed", part.source)?,
                }
            }
        }
        match self.not_reached {
            0 => Ok(()),
            1 => writeln!(f, "1 more rule was not reached"),
            more => writeln!(f, "{more} more rules were not reached"),
        }
    }
}
