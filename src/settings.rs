//! What can be set from outside, in environment variables: on Azure the app settings, under `func` the
//! `Values` of `local.settings.json`.

use std::env::VarError;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::mistakes::Mistakes;

/// The port to listen on, chosen by the Functions host.
///
/// <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers#execution>
pub const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
/// The port when [`PORT`] is not set, as when the handler is run by hand.
pub const DEFAULT_PORT: u16 = 3000;

/// The largest allocation request that is read, in bytes.
pub const BODY_LIMIT: &str = "ALLOCATION_BODY_LIMIT";
/// The limit when [`BODY_LIMIT`] is not set: 1 MiB, more than ten times the 96 KB that DPS sends at most.
pub const DEFAULT_BODY_LIMIT: usize = 1024 * 1024;
/// What [`BODY_LIMIT`] may be. The host sends a body twice, escaped, and all large requests of one moment
/// share 64 MiB: a larger one would be refused however often it came.
const BODY_LIMITS: RangeInclusive<usize> = 1..=16 * 1024 * 1024;

/// The folder of the function app, set by the Functions host.
pub const APP_ROOT: &str = "FUNCTIONS_APP_ROOT_PATH";

/// Set by the Functions host for its handlers and by nobody else: the handler's own id.
pub const WORKER_ID: &str = "FUNCTIONS_CUSTOMHANDLER_WORKER_ID";

/// The settings of the handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// The largest allocation request that is read, in bytes.
    pub body_limit: usize,
    /// The folder of the function app: [`APP_ROOT`], or else the working folder.
    pub app_root: PathBuf,
}

// === impl Settings ===

impl Settings {
    /// Reads the settings through `variable`, which is `std::env::var` outside of tests.
    ///
    /// # Errors
    ///
    /// [`Mistakes`] when a variable is set to what it cannot be. One that is not set has a default.
    pub fn load(variable: impl Fn(&str) -> Result<String, VarError>) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let settings = Self {
            port: number(&variable, PORT, DEFAULT_PORT, 0..=u16::MAX, &mut mistakes),
            body_limit: number(&variable, BODY_LIMIT, DEFAULT_BODY_LIMIT, BODY_LIMITS, &mut mistakes),
            app_root: variable(APP_ROOT)
                .ok()
                .filter(|root| !root.is_empty())
                .unwrap_or_else(|| ".".to_owned())
                .into(),
        };
        mistakes.or(settings)
    }
}

/// Reads a number, or keeps the default and adds a mistake.
fn number<N>(
    variable: impl Fn(&str) -> Result<String, VarError>,
    name: &str,
    default: N,
    range: RangeInclusive<N>,
    mistakes: &mut Mistakes,
) -> N
where
    N: Copy + fmt::Display + PartialOrd + std::str::FromStr,
{
    let text = match variable(name) {
        Ok(text) => text,
        Err(VarError::NotPresent) => return default,
        Err(VarError::NotUnicode(text)) => text.to_string_lossy().into_owned(),
    };
    match text.trim().parse() {
        Ok(number) if range.contains(&number) => number,
        _ => {
            mistakes.add(format!(
                "{name}: expected a number from {} to {}, found {text:?} (not set, it is {default})",
                range.start(),
                range.end()
            ));
            default
        }
    }
}
