//! What can be set from outside, in environment variables: on Azure the app settings, under `func` the
//! `Values` of `local.settings.json`.

use std::env::VarError;
use std::fmt;
use std::ops::RangeInclusive;

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
/// share 64 MiB: a larger one would be refused for want of room however often it came.
const BODY_LIMITS: RangeInclusive<usize> = 1..=16 * 1024 * 1024;

/// Set by the Functions host for its handlers and by nobody else: the handler's own id.
pub const WORKER_ID: &str = "FUNCTIONS_CUSTOMHANDLER_WORKER_ID";

/// The settings of the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// The largest allocation request that is read, in bytes.
    pub body_limit: usize,
}

/// What is wrong with the settings: all of it, so that one restart shows every mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

// === impl Settings ===

impl Settings {
    /// Reads the settings through `variable`, which is `std::env::var` outside of tests.
    ///
    /// # Errors
    ///
    /// [`Mistakes`] when a variable is set to what it cannot be. One that is not set has a default.
    pub fn load(variable: impl Fn(&str) -> Result<String, VarError>) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let settings = Self {
            port: number(&variable, PORT, DEFAULT_PORT, 0..=u16::MAX, &mut mistakes),
            body_limit: number(&variable, BODY_LIMIT, DEFAULT_BODY_LIMIT, BODY_LIMITS, &mut mistakes),
        };
        if mistakes.is_empty() { Ok(settings) } else { Err(Mistakes(mistakes)) }
    }
}

/// Reads a number, or keeps the default and adds a mistake.
fn number<N>(
    variable: impl Fn(&str) -> Result<String, VarError>,
    name: &str,
    default: N,
    range: RangeInclusive<N>,
    mistakes: &mut Vec<String>,
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
            mistakes.push(format!(
                "{name} is {text:?}, and a number from {} to {} is wanted (or no such variable, for {default})",
                range.start(),
                range.end()
            ));
            default
        }
    }
}

// === impl Mistakes ===

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}
