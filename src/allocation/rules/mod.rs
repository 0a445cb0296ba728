//! The policy that is written in a file, `allocation.yaml`: conditions and values in the Common Expression
//! Language, <https://cel.dev>, with the names that DPS uses.
//!
//! ```yaml
//! rules:
//!   - name: toasters
//!     when: registrationId.contains("contoso-toaster")
//!     hub: linkedHubs[0]
//! ```
//!
//! [`Rules::parse`] compiles the whole file, or tells every mistake in it. The first rule whose condition
//! holds decides. Whatever cannot be evaluated refuses the device and names the rule; it never falls through
//! to a later one. As the language has it, `error || true` is true and `error && false` is false: what decides
//! without the failing half is evaluated. What of the request itself cannot be read refuses all the same.

mod compile;
mod decide;
mod explain;
mod file;
mod language;
mod lookup;
mod place;
mod template;
mod text;
mod yaml;

pub use self::explain::{Explanation, RuleExplanation};
pub use self::language::{Expression, Part};
pub use self::lookup::{Lookup, LookupSpec};
pub use self::place::{Mistake, Mistakes, Place};
pub use self::template::Template;
pub use self::text::Text;

use self::language::Language;
use self::template::Tree;

/// A rules file, compiled.
#[derive(Debug)]
pub struct Rules {
    /// The look-ups' names, in the order of the file.
    names: Vec<String>,
    lookups: Vec<Lookup>,
    rules: Vec<Rule>,
    language: Language,
}

#[derive(Debug)]
struct Rule {
    /// `Rule "toasters"`, or `Rule 3` of one without a name.
    label: String,
    when: Option<Expression>,
    outcome: Outcome,
    initial_twin: Option<Tree>,
    payload: Option<Tree>,
    note: Option<Template>,
}

#[derive(Debug)]
enum Outcome {
    Hub(Expression),
    Refuse(Template),
    AskAgain(Template),
}

// === impl Rules ===

impl Rules {
    /// Reads a rules file.
    ///
    /// # Errors
    ///
    /// All mistakes in it, each with its place. What is wrong with the YAML itself hides the others.
    pub fn parse(source: &str) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let rules = match yaml::read(source) {
            Ok(root) => {
                let file = file::read(&root, source, &mut mistakes);
                compile::compile(file, source, &mut mistakes)
            }
            Err(mistake) => {
                mistakes.add(mistake.place, mistake.words);
                None
            }
        };
        mistakes.none_or(rules)
    }

    /// The look-ups to ask before [`Self::allocate`](crate::allocation::Policy::allocate), in the order of the file.
    #[must_use]
    pub fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }
}
