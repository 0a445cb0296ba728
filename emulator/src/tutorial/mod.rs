//! The tutorial, from key derivation to both devices, compared with what it shows:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use devices::{Endpoint, register_and_print};
use journal::{Entry, Kept};
use regex::Regex;
use similar::TextDiff;

use crate::contoso::{self, GROUP, HEAT_PUMP, HUB, ID_SCOPE, TOASTER};
use crate::emulator::Emulator;

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

/// The devices' keys by the tutorial's rule.
const KEYS: &str = include_str!("expected/keys.txt");

/// The function's log and the device's output, as the tutorial shows them. Left out is `Press enter key to exit:`, and
/// the function says `Rust` instead of `C#`.
const TOASTER_SHOWN: [&str; 2] =
    [include_str!("expected/toaster_log.txt"), include_str!("expected/toaster_output.txt")];
const HEAT_PUMP_SHOWN: [&str; 2] =
    [include_str!("expected/heat_pump_log.txt"), include_str!("expected/heat_pump_output.txt")];

/// Patterns of what differs from run to run, and what stands for it.
const VARYING: [(&str, &str); 9] = [
    (r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} \[", "TIME ["),
    // The blank line that the function logs before "Response" is not on the tutorial's page.
    (r"(?m)^TIME \[Information\] \n", ""),
    // C's `ctime` has 24 characters. Where in its source code the SDK found the error is said there only.
    (r"(?m)^Error: Time:.{24} (File:.* Line:\d+ )?", "Error: "),
    ("(?m)^Provisioning API Version: .*", "Provisioning API Version: VERSION"),
    (r"OperationId: \S+", "OperationId: OPERATION"),
    (r" - Date: \S+", " - Date: DATE"),
    (", Id=[^,)]+", ", Id=ID"),
    (r", Duration=\d+ms", ", Duration=MILLISECONDSms"),
    // Where the function app is; the query, a key, is `****` on both sides.
    (r#""webhookUrl":"[^?"]*"#, r#""webhookUrl":"URL"#),
];

/// Goes through the tutorial: derives the keys and registers both devices at `endpoint`, which is the `emulator`'s
/// DPS; `log` is what its Functions host logs. Prints each step to `out`. True if all is as the tutorial shows it.
///
/// # Errors
///
/// Those of writing to `out`.
pub async fn run(
    emulator: &Emulator,
    endpoint: &Endpoint,
    log: &Kept,
    mut out: impl Write,
) -> io::Result<bool> {
    writeln!(out, "{PAGE}\n\n=== Create the custom allocation function ===\n")?;
    for function in emulator.host.functions() {
        writeln!(out, "{}: [{}] {}", function.name, function.methods.join(","), function.url)?;
    }
    writeln!(out, "\n=== Create the enrollment ===\n\nEnrollment group: {GROUP}")?;
    writeln!(out, "Attestation:      symmetric key\nAllocation:       custom, {}", contoso::FUNCTION)?;
    writeln!(out, "Linked hub:       {HUB}\nID scope:         {ID_SCOPE}")?;
    writeln!(out, "Endpoint:         {}", endpoint.host)?;

    let key = |id: &str| format!("{id:<20}  {}\n", contoso::device(id).key.to_base64());
    let keys = [TOASTER, HEAT_PUMP].map(key).concat();
    write!(out, "\n=== Derive unique device keys ===\n\n{keys}\n{OTHER_KEYS}")?;
    let mut compared = vec![("device keys".to_owned(), difference(KEYS, &keys))];

    for (name, registration_id, [expected_log, expected_output]) in
        [("toaster", TOASTER, TOASTER_SHOWN), ("heat pump", HEAT_PUMP, HEAT_PUMP_SHOWN)]
    {
        writeln!(out, "\n=== Simulate the Contoso {name} device ===\n")?;
        out.flush()?;
        let begun = log.entries().len();
        let mut output = Vec::new();
        // How it ended is part of the output.
        let _ = register_and_print(&contoso::device(registration_id), endpoint, LIMIT, &mut output).await?;
        let (log, output) = (function_log(log, begun).await, String::from_utf8_lossy(&output));
        write!(out, "--- The function's log\n\n{log}\n--- The device's output\n\n{output}")?;
        compared.push((format!("{name}: the function's log"), difference(expected_log, &log)));
        compared.push((format!("{name}: the device's output"), difference(expected_output, &output)));
    }

    writeln!(out, "\n=== Compared with what the tutorial promises ===\n")?;
    for (what, difference) in &compared {
        let verdict = if difference.is_empty() { "as promised" } else { "DIFFERS" };
        writeln!(out, "{verdict:<11}  {what}")?;
    }
    compared.retain(|(_, difference)| !difference.is_empty());
    for (what, difference) in &compared {
        writeln!(out, "\n{what}\n{difference}")?;
    }
    out.flush()?;
    Ok(compared.is_empty())
}

/// The diff of two texts, empty if they differ in nothing but what differs from run to run.
fn difference(expected: &str, found: &str) -> String {
    let (expected, found) = (masked(expected), masked(found));
    let diff = TextDiff::from_lines(&expected, &found);
    diff.unified_diff().context_radius(20).header("the tutorial", "here").to_string()
}

/// `text` with a name in place of everything that differs from run to run: time stamps, ids, durations,
/// versions, addresses, and where in its source code the C SDK found an error.
fn masked(text: &str) -> String {
    VARYING.iter().fold(text.to_owned(), |text, (pattern, name)| {
        #[expect(clippy::expect_used, reason = "each run of the tutorial uses every pattern")]
        let pattern = Regex::new(pattern).expect("the pattern is valid");
        pattern.replace_all(&text, *name).into_owned()
    })
}

/// What the function logged since the entry `begun`, from the beginning to the end of its execution. What the
/// handler logs when it starts may come late, and is left out.
async fn function_log(log: &Kept, begun: usize) -> String {
    let deadline = Instant::now() + LOGGED;
    let at = |entries: &[Entry], word| entries.iter().position(|entry| entry.text.starts_with(word));
    loop {
        let mut entries = log.entries().split_off(begun);
        let mut entries = entries.split_off(at(&entries, "Executing ").unwrap_or(0));
        let ended = at(&entries, "Executed ");
        if ended.is_some() || Instant::now() > deadline {
            entries.truncate(ended.map_or(entries.len(), |at| at + 1));
            return entries.iter().map(|entry| format!("{entry}\n")).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
