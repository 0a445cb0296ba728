use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::{Failure, Registration};
use journal::shown;

/// How many different reasons or hubs are listed; the service may return more.
const MOST_KINDS: usize = 50;

/// How many characters of a hub's name or of a reason are printed.
const SHOWN: usize = 300;

/// The length of the chart's longest bar, in characters.
const BAR: usize = 40;

/// The outcome of a fleet's registrations.
#[derive(Clone, Debug)]
pub struct Report {
    count: usize,
    begun: Instant,
    last: Duration,
    latencies: Vec<Duration>,
    assigned: Tally,
    refused: Tally,
    failed: Tally,
}

/// How many of each.
#[derive(Clone, Debug, Default)]
struct Tally(BTreeMap<String, usize>);

impl Report {
    /// A report on `count` devices, none of which has registered yet; time runs from now on.
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
            // Without operation id and date, which no two devices share.
            Err(Failure::Refused(refusal)) => self.refused.add(&refusal.message),
            Err(disabled @ Failure::Disabled) => self.refused.add(&disabled.to_string()),
            Err(failure) => self.failed.add(&format!("{failure} ({})", failure.result())),
        }
    }

    /// Limits the report to the devices that have been added: the others were not waited for.
    pub fn cut_short(&mut self) {
        self.count = self.latencies.len();
    }

    /// Devices assigned to a hub.
    #[must_use]
    pub fn assigned(&self) -> usize {
        self.assigned.sum()
    }

    /// Devices that the service decided against: their allocation failed, or their enrollment is disabled.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.sum()
    }

    /// Devices that got no decision: credential, connection, timeout, or an unusable answer.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed.sum()
    }

    /// Devices without any outcome.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.count.saturating_sub(self.latencies.len())
    }

    /// Registrations a second, assigned and refused ones.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let decided = u32::try_from(self.assigned() + self.refused()).unwrap_or(u32::MAX);
        f64::from(decided) / self.last.as_secs_f64().max(0.001)
    }

    /// The latency that `percent` of the devices did not exceed (nearest rank).
    fn percentile(sorted: &[Duration], percent: usize) -> Duration {
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

impl Tally {
    fn add(&mut self, kind: &str) {
        let kind = shown(kind, SHOWN);
        let known = self.0.contains_key(&kind) || self.0.len() < MOST_KINDS;
        let kind = if known { kind } else { "others".to_owned() };
        *self.0.entry(kind).or_default() += 1;
    }

    fn sum(&self) -> usize {
        self.0.values().sum()
    }
}

// === impl Display ===

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = thousands(self.count).len().max(5);
        let seconds = self.last.as_secs_f64();
        writeln!(
            f,
            "{} devices in {seconds:.1} s: {:.1} registrations a second, {} a minute\n",
            thousands(self.count),
            self.rate(),
            thousands((self.rate() * 60.0) as usize)
        )?;
        writeln!(f, "  assigned  {:>width$}", thousands(self.assigned()))?;
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
            write!(f, "  {name} {:.2} s", Self::percentile(&sorted, percent).as_secs_f64())?;
        }
        writeln!(f, "\n\nDevices per hub")?;
        let longest = self.assigned.0.keys().map(|hub| hub.chars().count()).max().unwrap_or_default();
        let most = self.assigned.0.values().max().copied().unwrap_or_default();
        for (hub, count) in &self.assigned.0 {
            // A hub that has a device at all has a bar.
            let bar = "█".repeat((count * BAR).div_ceil(most.max(1)));
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
    let digits = number.to_string();
    let mut out = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MOST_KINDS, Report, thousands};
    use crate::{Failure, Refusal, Registration};

    fn assigned(hub: &str) -> Result<Registration, Failure> {
        Ok(Registration { hub: hub.to_owned(), device_id: "d".to_owned(), substatus: None, payload: None })
    }

    #[test]
    fn what_is_printed() {
        let mut report = Report::new(6);
        for (hub, took) in [("long-hub", 100), ("long-hub", 200), ("hub", 300)] {
            report.add(assigned(hub), Duration::from_millis(took));
        }
        let refusal = Refusal {
            message: "Custom allocation failed with status code: 400".to_owned(),
            ..Refusal::default()
        };
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
        assert_eq!((report.assigned(), report.refused(), report.failed(), report.lost()), (3, 1, 1, 1));
    }

    #[test]
    fn nobody_registered() {
        let report = Report::new(10_000);
        let text = report.to_string();
        assert!(text.contains("lost      10,000"), "{text}");
        assert!(text.contains("max 0.00 s"), "{text}");
    }

    #[test]
    fn cut_short_it_is_on_those_that_ended() {
        let mut report = Report::new(10_000);
        report.add(assigned("hub"), Duration::ZERO);
        report.cut_short();
        let text = report.to_string();
        assert!(text.starts_with("1 devices in ") && text.contains("  lost          0\n"), "{text}");
    }

    #[test]
    fn what_the_service_says_does_not_steer_the_terminal() {
        let mut report = Report::new(1);
        report.add(assigned("hub\u{1b}[2J\n"), Duration::ZERO);
        assert!(report.to_string().contains("  hub\\u{1b}[2J\\n  █"), "{report}");
    }

    #[test]
    fn kinds_are_bounded() {
        let mut report = Report::new(1000);
        for number in 0..1000 {
            report.add(assigned(&format!("hub-{number}")), Duration::ZERO);
        }
        assert_eq!((report.assigned(), report.assigned.0.len()), (1000, MOST_KINDS + 1));
    }

    #[test]
    fn numbers_in_groups_of_three() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
