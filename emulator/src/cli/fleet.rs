use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use devices::fleet::{Fleet, Report};
use devices::{Endpoint, HostPort};
use indicatif::{ProgressBar, ProgressStyle};
use journal::{Journal, Level};
use tempfile::TempDir;

use crate::cli::app::App;
use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::{Outcome, Stop, print};
use crate::cli::target::Target;
use crate::cli::value;
use crate::contoso;
use crate::emulator::Emulator;

/// Register many simulated devices at once, and measure.
///
/// Without --host everything runs in this process: the Functions host with the custom handler, DPS with the
/// tutorial's enrollment group, and the devices. Prints registrations a second, latencies, why devices
/// were refused or failed, and the devices of each hub. Exit code 0 when every device was assigned or
/// refused, at least one was assigned, and (without --host) the function ran once for each; 1 otherwise.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many devices to register
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,

    /// How many of them at a time, each over a connection of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,

    /// Registration ids of the devices, with {} for the number of each
    #[arg(long, value_name = "PATTERN", default_value = "contoso-toaster-{}", value_parser = value::id_pattern)]
    id_pattern: String,

    /// Host to register with: a name or an IP address, with or without a port [default: one in this process]
    #[arg(long, value_name = "HOST[:PORT]", requires_all = ["id_scope", "group_key"])]
    host: Option<HostPort>,

    /// The ID scope of the DPS instance
    #[arg(long, value_name = "SCOPE", value_parser = value::id_scope, requires = "host")]
    id_scope: Option<String>,

    /// The enrollment group's key, base64, from which those of the devices are derived; `-` reads it from
    /// standard input. For --host only
    #[arg(long, value_name = "BASE64", env = "DPS_GROUP_KEY", hide_env_values = true)]
    group_key: Option<String>,

    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    app: App,

    /// Hub that devices may be assigned to; several may be given [default: the tutorial's]
    #[arg(long, value_name = "HOSTNAME", conflicts_with = "host")]
    hub: Vec<String>,
}

pub(super) async fn run(args: Args) -> Outcome {
    let mut interrupt = Interrupt::listen()?;
    let fleet = Fleet {
        count: args.count as usize,
        concurrency: args.concurrency as usize,
        id_pattern: args.id_pattern,
        id_scope: args.id_scope.unwrap_or_else(|| contoso::ID_SCOPE.to_owned()),
        group_key: match (&args.host, args.group_key) {
            (Some(_), Some(text)) => value::key("--group-key", &text)?,
            _ => contoso::group_key(),
        },
        payload: args.target.payload.clone(),
        limit: args.target.limit(),
    };
    value::registration_id(&fleet.registration_id(fleet.count))
        .map_err(|rule| Stop::Usage(format!("--id-pattern does not give registration ids: {rule}")))?;
    if let Some(host) = args.host {
        return Ok(succeeded(&measure(&fleet, &args.target.endpoint(host)?, &mut interrupt).await?));
    }
    let state = TempDir::new()?;
    let settings = args.app.settings(state.path(), args.hub)?;
    // Only the emulator knows how often the function ran.
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    let functions = Journal::new(move |entry| {
        if entry.text.starts_with("Executing 'Functions.") {
            counter.fetch_add(1, Ordering::Relaxed);
        } else if entry.level == Level::Error {
            // A closed standard error is no reason to stop.
            let _ = writeln!(io::stderr(), "{entry}");
        }
    });
    // The outcome of each device is in the report.
    let service = Journal::new(|_| {});
    let emulator = interrupt.unless(Emulator::start(settings, functions, service)).await??;
    let endpoint = emulator.endpoint(args.target.transport)?;
    let report = measure(&fleet, &endpoint, &mut interrupt).await;
    emulator.stop().await;
    let (report, executions) = (report?, executions.load(Ordering::Relaxed));
    let decided = report.assigned.sum() + report.refused.sum();
    print(format!("\nThe function ran {executions} times for {decided} decisions.\n"))?;
    Ok(executions == decided && succeeded(&report))
}

/// Registers the fleet with a progress bar and prints the report; at Ctrl-C, on the devices so far.
async fn measure(fleet: &Fleet, endpoint: &Endpoint, interrupt: &mut Interrupt) -> Result<Report, Stop> {
    let template = "{wide_bar} {human_pos} of {human_len} devices, {per_sec:1}, {eta} left";
    let bar = ProgressBar::new(fleet.count as u64).with_style(ProgressStyle::with_template(template)?);
    let mut report = Report::default();
    let registering = fleet.register(endpoint, &mut report, || bar.inc(1));
    let finished = interrupt.unless(registering).await;
    bar.finish_and_clear();
    print(&report)?;
    finished.map(|()| report)
}

fn succeeded(report: &Report) -> bool {
    report.failed.sum() == 0 && report.lost == 0 && report.assigned.sum() > 0
}
