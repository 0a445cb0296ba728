//! `handler check [FILE]`: what a start would say of a rules file, without starting.

use std::path::PathBuf;

use super::Said;
use crate::mistakes::Mistakes;
use crate::settings::Settings;

/// Checks the rules file `file`, or else the one that `settings` name. Exit code 0 if it has no mistakes, 1 if it has.
///
/// # Errors
///
/// [`Mistakes`] when there is nothing to check.
#[cfg(feature = "rules")]
pub fn check(file: Option<PathBuf>, settings: &Settings) -> Result<Said, Mistakes> {
    use crate::policies::{self, RulesFile, Unset};

    let file = file.unwrap_or_else(|| policies::rules_path(settings));
    if let Err(error) = std::fs::metadata(&file) {
        return Err(Mistakes::from(format!("Cannot read {}: {error}", file.display())));
    }
    let app = policies::app_of(&file, settings)?;
    Ok(match RulesFile::load(&file, &app, settings.lookup_timeout, Unset::FailsLater) {
        Ok(rules) => {
            let ships: Vec<_> = rules.ships.iter().map(|path| path.display().to_string()).collect();
            let mut text = format!("{}: no mistakes.\nThe app ships: {}\n", file.display(), ships.join(", "));
            if !rules.needs.is_empty() {
                text.push_str(&format!("Its app settings: {}\n", rules.needs.join(", ")));
            }
            Said { text, code: 0 }
        }
        Err(mistakes) => Said { text: mistakes.into_lines().join("\n") + "\n", code: 1 },
    })
}

/// Checks nothing: there are no rules in this build.
///
/// # Errors
///
/// Always.
#[cfg(not(feature = "rules"))]
pub fn check(_: Option<PathBuf>, _: &Settings) -> Result<Said, Mistakes> {
    Err(Mistakes::from("This handler was built without the cargo feature `rules`".to_owned()))
}
