//! What can be set from outside, in environment variables: on Azure the app settings, under `func` the
//! `Values` of `local.settings.json`.

use std::env::VarError;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::log_body::{self, LogBody};
use crate::lookups::DEFAULT_TIMEOUT;
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

/// Which policy decides: `toasters`, `divisions`, `rules`, or one of the user's own.
pub const POLICY: &str = "ALLOCATION_POLICY";
/// The rules file, when it is not `allocation.yaml` in the app's folder.
pub const RULES: &str = "ALLOCATION_RULES";

/// How long the look-ups of one decision may take, all together, in seconds.
pub const LOOKUP_TIMEOUT: &str = "ALLOCATION_LOOKUP_TIMEOUT";
/// What [`LOOKUP_TIMEOUT`] may be.
const LOOKUP_TIMEOUTS: RangeInclusive<f64> = 0.1..=60.0;

/// How much of an allocation request the log shows: `full`, `without-payload` or `none`.
pub const LOG_BODY: &str = "ALLOCATION_LOG_BODY";

/// The folder of the function app, set by the Functions host.
pub const APP_ROOT: &str = "FUNCTIONS_APP_ROOT_PATH";

/// Set by the Functions host for its handlers and by nobody else: the handler's own id.
pub const WORKER_ID: &str = "FUNCTIONS_CUSTOMHANDLER_WORKER_ID";

/// The settings of the handler.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// The largest allocation request that is read, in bytes.
    pub body_limit: usize,
    /// The folder of the function app: [`APP_ROOT`], or else the working folder.
    pub app_root: PathBuf,
    /// The policy's name, if one is given.
    pub policy: Option<String>,
    /// The rules file, if one is given; relative to the app's folder.
    pub rules: Option<PathBuf>,
    /// How long the look-ups of one decision may take.
    pub lookup_timeout: Duration,
    /// How much of an allocation request the log shows.
    pub log_body: LogBody,
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
        // An app setting that was emptied is there, and means no more than one that is not.
        let text = |name| variable(name).ok().filter(|text| !text.trim().is_empty());
        let settings = Self {
            port: number(&variable, PORT, DEFAULT_PORT, 0..=u16::MAX, &mut mistakes),
            body_limit: number(&variable, BODY_LIMIT, DEFAULT_BODY_LIMIT, BODY_LIMITS, &mut mistakes),
            app_root: text(APP_ROOT).unwrap_or_else(|| ".".to_owned()).into(),
            policy: text(POLICY).map(|name| name.trim().to_owned()),
            rules: text(RULES).map(PathBuf::from),
            lookup_timeout: Duration::from_secs_f64(number(
                &variable,
                LOOKUP_TIMEOUT,
                DEFAULT_TIMEOUT.as_secs_f64(),
                LOOKUP_TIMEOUTS,
                &mut mistakes,
            )),
            log_body: mistakes
                .keep(text(LOG_BODY).map_or(Ok(LogBody::Full), |name| log_body(&name)))
                .unwrap_or_default(),
        };
        mistakes.or(settings)
    }
}

fn log_body(name: &str) -> Result<LogBody, String> {
    let names = log_body::NAMES.map(|(name, _)| name).join(", ");
    name.trim().parse().map_err(|()| format!("{LOG_BODY}: expected one of {names}; found {name:?}"))
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
