//! `handler explain REQUEST.json`: why a device was assigned or refused.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::{env, fs, io};

use super::{Explain, Said};
use crate::app::App;
use crate::body;
use crate::function;
use crate::mistakes::Mistakes;
use crate::policies::{self, Unset};
use crate::settings::Settings;

/// Decides about one request and tells the story: each rule up to the one that held, with the values of its
/// condition's parts; the function's log; and the answer. Exit code 0 if the device is assigned, 1 if it is refused or
/// is to ask again.
///
/// # Errors
///
/// [`Mistakes`] in the rules or in what the command line names.
pub async fn explain(explain: Explain, settings: &Settings) -> Result<Said, Mistakes> {
    let chosen = match &explain.rules {
        Some(rules) => {
            policies::rules_policy(rules, &policies::app_of(rules, settings)?, settings, Unset::FailsLater)?
        }
        None => {
            let app = App::load(&settings.app_root, &|name| env::var(name).ok())?;
            policies::choose(settings, &app, Unset::FailsLater)?
        }
    };
    let mut policy = chosen.policy;
    for (name, found) in explain.with {
        policy.give(&name, found)?;
    }
    let request = read(&explain.request)?;
    let looked_up = policy.look_up(&request, None).await;
    let mut text = format!("Policy: {}\n\n", chosen.name);
    if let Some(explanation) = policy.explain(&request, &looked_up) {
        text.push_str(&explanation);
        text.push('\n');
    }
    let run = function::run(&request, &policy, looked_up, settings.log_body);
    for entry in run.log(Some(request.as_str())) {
        text.push_str(entry);
        text.push('\n');
    }
    let status = run.answer.status;
    let _ = writeln!(text, "\n{status} {}", run.answer.content_type);
    Ok(Said { text, code: u8::from(status != 200) })
}

fn read(path: &Path) -> Result<String, Mistakes> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        fs::read(path).map(|read| bytes = read)
    };
    read.map_err(|error| Mistakes::from(format!("Cannot read {}: {error}", path.display())))?;
    Ok(body::text(&bytes).trim_end_matches(['\r', '\n']).to_owned())
}
