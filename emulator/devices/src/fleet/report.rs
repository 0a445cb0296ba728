use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use indicatif::HumanCount;
use journal::shown;

use crate::outcome::{Failure, Registration};

/// How many different reasons or hubs are listed; the service may return more.
const MOST_KINDS: usize = 50;

/// How many characters of a hub's name or of a reason are printed.
const SHOWN: usize = 300;

/// The length of the chart's longest bar, in characters.
const BAR: usize = 40;

/// The outcome of a fleet's registrations. `Display` prints it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The time that all of them took together.
    pub elapsed: Duration,
    latencies: Vec<Duration>,
    /// Devices assigned to a hub, by hub.
    pub assigned: Tally,
    /// Devices that the service decided against (allocation failed, or enrollment disabled), by reason.
    pub refused: Tally,
    /// Devices that got no decision (credential, connection, timeout, or an unusable answer), by reason.
    pub failed: Tally,
    /// Devices without any outcome, because of a fault of this program.
    pub lost: usize,
}

/// How many devices there are of each kind.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<String, usize>);

impl Report {
    /// Adds one device, whose registration took so long from connecting to the final answer.
    pub fn add(&mut self, outcome: Result<Registration, Failure>, took: Duration) {
        self.latencies.push(took);
        match outcome {
            Ok(registration) => self.assigned.add(&registration.hub),
            // Without operation id and date, which differ for each device.
            Err(Failure::Refused(refusal)) => self.refused.add(&refusal.message),
            Err(disabled @ Failure::Disabled) => self.refused.add(&disabled.to_string()),
            Err(failure) => self.failed.add(&format!("{failure} ({})", failure.result())),
        }
    }
}

impl Tally {
    fn add(&mut self, kind: &str) {
        let kind = shown(kind, SHOWN);
        let listed = self.0.contains_key(&kind) || self.0.len() < MOST_KINDS;
        *self.0.entry(if listed { kind } else { "others".to_owned() }).or_default() += 1;
    }

    /// How many devices there are of all kinds.
    #[must_use]
    pub fn sum(&self) -> usize {
        self.0.values().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, seconds) = (thousands(self.latencies.len() + self.lost), self.elapsed.as_secs_f64());
        // Registrations a second, of assigned and refused devices.
        let rate = (self.assigned.sum() + self.refused.sum()) as f64 / seconds.max(0.001);
        let minute = thousands((rate * 60.0) as usize);
        write!(f, "{count} devices in {seconds:.1} s: ")?;
        writeln!(f, "{rate:.1} registrations a second, {minute} a minute\n")?;
        let width = count.len().max(5);
        writeln!(f, "  assigned  {:>width$}", thousands(self.assigned.sum()))?;
        for (name, tally) in [("refused", &self.refused), ("failed", &self.failed)] {
            writeln!(f, "  {name:<8}  {:>width$}", thousands(tally.sum()))?;
            for (why, count) in &tally.0 {
                writeln!(f, "            {:>width$}  {why}", thousands(*count))?;
            }
        }
        writeln!(f, "  lost      {:>width$}", thousands(self.lost))?;

        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        write!(f, "\nLatency, from connecting to the final answer:")?;
        for (name, percent) in [("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)] {
            // Nearest rank: the latency that this share of the devices did not exceed.
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            let latency = sorted.get(rank - 1).copied().unwrap_or_default();
            write!(f, "  {name} {:.2} s", latency.as_secs_f64())?;
        }

        writeln!(f, "\n\nDevices per hub")?;
        let longest = self.assigned.0.keys().map(|hub| hub.chars().count()).max().unwrap_or_default();
        let most = self.assigned.0.values().max().copied().unwrap_or(1);
        for (hub, count) in &self.assigned.0 {
            let bar = "█".repeat((count * BAR).div_ceil(most));
            writeln!(f, "  {hub:<longest$}  {bar} {}", thousands(*count))?;
        }
        if self.assigned.0.is_empty() {
            writeln!(f, "  none")?;
        }
        Ok(())
    }
}

/// `1234567` as `1,234,567`.
fn thousands(number: usize) -> String {
    HumanCount(number as u64).to_string()
}
