//! The policies that there are, and the one that the settings choose.
//!
//! **A policy of one's own** is a file in [`crate::allocation`] and a line in [`NAMED`].

use std::env;
use std::path::{Path, PathBuf};

use crate::allocation::{Divisions, Toasters, policy_settings};
use crate::app::App;
use crate::mistakes::Mistakes;
use crate::settings::{self, Settings};

#[cfg(feature = "rules")]
mod rules;
mod served;

#[cfg(feature = "rules")]
pub use self::rules::RulesFile;
pub use self::served::{LookedUp, ServedPolicy};

/// The policies written in Rust, by the name that `ALLOCATION_POLICY` gives. One that has look-ups brings them here:
/// `ServedPolicy::new(…).with_lookups(…)`.
pub const NAMED: [(&str, Make); 2] =
    [("divisions", |_| Ok(ServedPolicy::new(Divisions))), ("toasters", |_| Ok(ServedPolicy::new(Toasters)))];

/// Makes a policy, at the start.
pub type Make = fn(&Settings) -> Result<ServedPolicy, Mistakes>;

/// The policy of a rules file.
pub const RULES: &str = "rules";

/// The policy that decides when no other is chosen.
const DEFAULT: &str = "toasters";

/// The rules file of an app, in its folder.
pub const RULES_FILE: &str = "allocation.yaml";

/// What becomes of a look-up whose app setting is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// It is a mistake: without it there is nothing to serve.
    Mistake,
    /// It fails when it is asked: the settings are elsewhere, on Azure.
    FailsLater,
}

/// A policy, and what the start says of it.
#[derive(Debug)]
pub struct Chosen {
    /// What it is called: `toasters`, or `rules of allocation.yaml`.
    pub name: String,
    /// The policy.
    pub policy: ServedPolicy,
}

/// The policy that `settings` choose: `ALLOCATION_POLICY`; or else the app's rules file, if it has one; or else the
/// tutorial's.
///
/// # Errors
///
/// [`Mistakes`] for a name that no policy has, or for a rules file with mistakes.
pub fn choose(settings: &Settings, app: &App, unset: Unset) -> Result<Chosen, Mistakes> {
    let rules = rules_path(settings);
    let default = if settings.rules.is_some() || rules.exists() { RULES } else { DEFAULT };
    let name = settings.policy.as_deref().unwrap_or(default);
    if name == RULES {
        return rules_policy(&rules, app, settings, unset);
    }
    match NAMED.iter().find(|(named, _)| *named == name) {
        Some((_, make)) => {
            let policy = make(settings)?.with_settings(policy_settings(env::vars_os(), &[]));
            Ok(Chosen { name: name.to_owned(), policy })
        }
        None => {
            let mut names: Vec<_> = NAMED.iter().map(|(name, _)| *name).chain([RULES]).collect();
            names.sort_unstable();
            let names = names.join(", ");
            Err(Mistakes::from(format!("{}: expected one of {names}; found {name:?}", settings::POLICY)))
        }
    }
}

/// Where the app's rules file is, or would be.
#[must_use]
pub fn rules_path(settings: &Settings) -> PathBuf {
    let file = settings.rules.as_deref().unwrap_or(Path::new(RULES_FILE));
    if settings.app_root == Path::new(".") { file.to_owned() } else { settings.app_root.join(file) }
}

/// The app whose function.json files a rules file may name: that of its own folder, or else that of `settings`.
///
/// # Errors
///
/// [`Mistakes`] in the app's files.
pub fn app_of(rules: &Path, settings: &Settings) -> Result<App, Mistakes> {
    let folder = rules.parent().map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
    let folder = folder.filter(|folder| App::is_in(folder)).unwrap_or(&settings.app_root);
    App::load(folder, &|name| env::var(name).ok())
}

/// The policy of the rules file at `path`.
///
/// # Errors
///
/// All [`Mistakes`] in it.
#[cfg(feature = "rules")]
pub fn rules_policy(path: &Path, app: &App, settings: &Settings, unset: Unset) -> Result<Chosen, Mistakes> {
    let file = RulesFile::load(path, app, settings.lookup_timeout, unset)?;
    Ok(Chosen { name: format!("rules of {}", path.display()), policy: file.policy })
}

/// No policy: there are no rules in this build.
///
/// # Errors
///
/// Always.
#[cfg(not(feature = "rules"))]
pub fn rules_policy(path: &Path, _: &App, _: &Settings, _: Unset) -> Result<Chosen, Mistakes> {
    Err(Mistakes::from(format!(
        "{}: this handler was built without the cargo feature `rules`",
        path.display()
    )))
}
