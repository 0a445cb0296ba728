//! The tutorial, from key derivation to both devices, compared with what it shows:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

mod expected;
mod mask;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use devices::{Endpoint, register_and_print};
use journal::{Entry, Kept};
use similar::TextDiff;

use self::mask::masked;
use crate::contoso::{self, GROUP, HEAT_PUMP, HUB, ID_SCOPE, TOASTER};
use crate::emulator::Emulator;

/// Where the tutorial is.
const PAGE: &str = "\
Tutorial: Use custom allocation policies with Device Provisioning Service (DPS)
https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies";

/// How long one device may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long the last line of a function's log may take once the device has its answer.
const LOGGED: Duration = Duration::from_secs(10);

/// Why the reader sees other keys than the tutorial's.
const OTHER_KEYS: &str = "\
(The two keys that the tutorial prints belong to other registration ids under the same group key:
breakroom499-contoso-tstrsd-007 and mainbuilding167-contoso-hpsd-088.)
";

/// One run of the tutorial, printed step by step.
#[derive(Debug)]
pub struct Tutorial<W> {
    out: W,
    /// Each thing that was compared: its name, and the diff if it is not as the tutorial shows it.
    compared: Vec<(String, Option<String>)>,
}

impl<W: Write> Tutorial<W> {
    /// A run of the tutorial, printed to `out`.
    pub fn new(out: W) -> Self {
        Self { out, compared: Vec::new() }
    }

    /// Goes through the tutorial: derives the keys and registers both devices at `endpoint`, which is the
    /// emulator's DPS; `log` is what the emulator's Functions host logs. True if all is as the tutorial shows it.
    ///
    /// # Errors
    ///
    /// Those of writing to `out`.
    pub async fn run(mut self, emulator: &Emulator, endpoint: &Endpoint, log: &Kept) -> io::Result<bool> {
        writeln!(self.out, "{PAGE}")?;
        self.heading("Create the custom allocation function")?;
        for function in emulator.host.functions() {
            writeln!(self.out, "{}: [{}] {}", function.name, function.methods.join(","), function.url)?;
        }
        self.heading("Create the enrollment")?;
        writeln!(self.out, "Enrollment group: {GROUP}\nAttestation:      symmetric key")?;
        writeln!(self.out, "Allocation:       custom, {}\nLinked hub:       {HUB}", contoso::FUNCTION)?;
        writeln!(self.out, "ID scope:         {ID_SCOPE}\nEndpoint:         {}", endpoint.host)?;

        self.heading("Derive unique device keys")?;
        let keys = contoso::derived_keys();
        write!(self.out, "{keys}\n{OTHER_KEYS}")?;
        self.compare("device keys", expected::KEYS, &keys);

        let shown = (expected::TOASTER_LOG, expected::TOASTER_OUTPUT);
        self.device("toaster", TOASTER, endpoint, log, shown).await?;
        let shown = (expected::HEAT_PUMP_LOG, expected::HEAT_PUMP_OUTPUT);
        self.device("heat pump", HEAT_PUMP, endpoint, log, shown).await?;
        self.verdict()
    }

    async fn device(
        &mut self,
        name: &str,
        registration_id: &str,
        endpoint: &Endpoint,
        log: &Kept,
        (expected_log, expected_output): (&str, &str),
    ) -> io::Result<()> {
        self.heading(&format!("Simulate the Contoso {name} device"))?;
        let device = contoso::device(registration_id);
        let before = log.entries().len();
        let mut output = Vec::new();
        // How it ended is part of the output.
        let _ = register_and_print(&device, endpoint, LIMIT, &mut output).await?;
        let output = String::from_utf8_lossy(&output).into_owned();
        let log = function_log(log, before).await;

        write!(self.out, "--- The function's log\n\n{log}\n--- The device's output\n\n{output}")?;
        self.compare(&format!("{name}: the function's log"), expected_log, &log);
        self.compare(&format!("{name}: the device's output"), expected_output, &output);
        Ok(())
    }

    fn compare(&mut self, what: &str, expected: &str, got: &str) {
        let (expected, got) = (masked(expected), masked(got));
        let diff = TextDiff::from_lines(&expected, &got);
        let diff = diff.unified_diff().context_radius(20).header("the tutorial", "here").to_string();
        self.compared.push((what.to_owned(), (expected != got).then_some(diff)));
    }

    fn verdict(mut self) -> io::Result<bool> {
        self.heading("Compared with what the tutorial promises")?;
        for (what, difference) in &self.compared {
            let verdict = if difference.is_none() { "as promised" } else { "DIFFERS" };
            writeln!(self.out, "{verdict:<11}  {what}")?;
        }
        for (what, difference) in &self.compared {
            if let Some(difference) = difference {
                writeln!(self.out, "\n{what}\n{difference}")?;
            }
        }
        self.out.flush()?;
        Ok(self.compared.iter().all(|(_, difference)| difference.is_none()))
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n=== {text} ===\n")?;
        self.out.flush()
    }
}

/// What the function logged since the entry `before`, from the beginning to the end of its execution. What the
/// handler logs when it starts may come late, and is left out.
async fn function_log(log: &Kept, before: usize) -> String {
    let deadline = Instant::now() + LOGGED;
    loop {
        let mut entries = log.entries().split_off(before);
        let at =
            |entries: &[Entry], word: &str| entries.iter().position(|entry| entry.text.starts_with(word));
        let mut entries = entries.split_off(at(&entries, "Executing ").unwrap_or(0));
        let ended = at(&entries, "Executed ");
        if ended.is_some() || Instant::now() > deadline {
            entries.truncate(ended.map_or(entries.len(), |at| at + 1));
            return entries.iter().map(|entry| format!("{entry}\n")).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
