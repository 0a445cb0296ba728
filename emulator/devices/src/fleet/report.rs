use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

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
#[derive(Clone, Debug)]
pub struct Report {
    count: usize,
    begun: Instant,
    last: Duration,
    latencies: Vec<Duration>,
    /// Devices assigned to a hub, by hub.
    pub assigned: Tally,
    /// Devices that the service decided against (allocation failed, or enrollment disabled), by reason.
    pub refused: Tally,
    /// Devices that got no decision (credential, connection, timeout, or an unusable answer), by reason.
    pub failed: Tally,
}

/// How many devices there are of each kind.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<String, usize>);

impl Report {
    /// A report on `count` devices, none of which has registered yet. Time is measured from now on.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            count,
            begun: Instant::now(),
            last: Duration::ZERO,
            latencies: Vec::with_capacity(count),
            assigned: Tally::default(),
            refused: Tally::default(),
            failed: Tally::default(),
        }
    }

    /// Adds one device, whose registration took so long from connecting to the final answer.
    pub fn add(&mut self, outcome: Result<Registration, Failure>, took: Duration) {
        self.last = self.begun.elapsed();
        self.latencies.push(took);
        match outcome {
            Ok(registration) => self.assigned.add(&registration.hub),
            // Without operation id and date, which differ for each device.
            Err(Failure::Refused(refusal)) => self.refused.add(&refusal.message),
            Err(disabled @ Failure::Disabled) => self.refused.add(&disabled.to_string()),
            Err(failure) => self.failed.add(&format!("{failure} ({})", failure.result())),
        }
    }

    /// Limits the report to the devices that have been added, after an interruption.
    pub fn cut_short(&mut self) {
        self.count = self.latencies.len();
    }

    /// Devices without any outcome.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.count.saturating_sub(self.latencies.len())
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

// === impl Display ===

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, seconds) = (thousands(self.count), self.last.as_secs_f64());
        // Registrations a second, of assigned and refused devices.
        let rate = (self.assigned.sum() + self.refused.sum()) as f64 / seconds.max(0.001);
        let minute = thousands((rate * 60.0) as usize);
        writeln!(
            f,
            "{count} devices in {seconds:.1} s: {rate:.1} registrations a second, {minute} a minute\n"
        )?;
        let width = count.len().max(5);
        writeln!(f, "  assigned  {:>width$}", thousands(self.assigned.sum()))?;
        for (name, tally) in [("refused", &self.refused), ("failed", &self.failed)] {
            writeln!(f, "  {name:<8}  {:>width$}", thousands(tally.sum()))?;
            for (why, count) in &tally.0 {
                writeln!(f, "            {:>width$}  {why}", thousands(*count))?;
            }
        }
        writeln!(f, "  lost      {:>width$}", thousands(self.lost()))?;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Refusal;

    fn assigned(hub: &str) -> Result<Registration, Failure> {
        Ok(Registration { hub: hub.to_owned(), device_id: "d".to_owned(), payload: None })
    }

    #[test]
    fn what_is_printed() {
        let mut report = Report::new(6);
        for (hub, took) in [("long-hub", 100), ("long-hub", 200), ("hub", 300)] {
            report.add(assigned(hub), Duration::from_millis(took));
        }
        let message = "Custom allocation failed with status code: 400".to_owned();
        let refusal = Refusal { message, ..Refusal::default() };
        report.add(Err(Failure::Refused(refusal)), Duration::from_millis(400));
        report.add(Err(Failure::Timeout(Duration::from_secs(600))), Duration::from_millis(500));
        report.last = Duration::from_secs(2);
        let expected = "\
6 devices in 2.0 s: 2.0 registrations a second, 120 a minute

  assigned      3
  refused       1
                1  Custom allocation failed with status code: 400
  failed        1
                1  Timed out after 600 s (PROV_DEVICE_RESULT_TIMEOUT)
  lost          1

Latency, from connecting to the final answer:  p50 0.30 s  p90 0.50 s  p99 0.50 s  max 0.50 s

Devices per hub
  hub       ████████████████████ 1
  long-hub  ████████████████████████████████████████ 2
";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn devices_without_an_outcome_are_lost_unless_it_was_cut_short() {
        let mut report = Report::new(10_000);
        let text = report.to_string();
        assert!(text.contains("lost      10,000") && text.contains("max 0.00 s"), "{text}");
        report.add(assigned("hub"), Duration::ZERO);
        report.cut_short();
        let text = report.to_string();
        assert!(text.starts_with("1 devices in ") && text.contains("  lost          0\n"), "{text}");
    }

    #[test]
    fn hubs_from_the_service_are_escaped_and_their_list_is_bounded() {
        let mut report = Report::new(1000);
        for number in 0..1000 {
            report.add(assigned(&format!("hub-{number:03}\u{1b}[2J\n")), Duration::ZERO);
        }
        assert!(report.to_string().contains("  hub-000\\u{1b}[2J\\n  █ 1\n"), "{report}");
        assert_eq!((report.assigned.sum(), report.assigned.0.len()), (1000, MOST_KINDS + 1));
    }
}
