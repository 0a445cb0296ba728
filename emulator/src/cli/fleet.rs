use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use devices::fleet::{Fleet, Pattern, Report};
use devices::{Endpoint, HostPort, Transport};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use journal::{Entry, Journal, Level};
use tempfile::TempDir;

use crate::cli::app::App;
use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::{Outcome, Stop};
use crate::cli::ports::not_started;
use crate::cli::target::Target;
use crate::cli::{id_scope, key, registration_id};
use crate::contoso;
use crate::emulator::{Emulator, Settings};

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
    #[arg(long, value_name = "PATTERN", default_value = "contoso-toaster-{}")]
    id_pattern: Pattern,

    /// Host to register with: a name or an IP address, with or without a port [default: one in this process]
    #[arg(long, value_name = "HOST[:PORT]", requires_all = ["id_scope", "group_key"])]
    host: Option<HostPort>,

    /// The ID scope of the DPS instance
    #[arg(long, value_name = "SCOPE", value_parser = id_scope::parse, requires = "host")]
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

pub(super) async fn run(args: Args) -> Result<Outcome, Stop> {
    let mut interrupt = Interrupt::listen()?;
    let fleet = Fleet {
        count: args.count as usize,
        concurrency: args.concurrency as usize,
        pattern: args.id_pattern,
        id_scope: args.id_scope.unwrap_or_else(|| contoso::ID_SCOPE.to_owned()),
        group_key: match (&args.host, args.group_key) {
            (Some(_), Some(text)) => key::read("--group-key", &text)?,
            _ => contoso::group_key(),
        },
        payload: args.target.payload()?,
        limit: args.target.limit(),
    };
    registration_id::parse(&fleet.pattern.registration_id(fleet.count, fleet.count))
        .map_err(|rule| Stop::Usage(format!("--id-pattern does not give registration ids: {rule}")))?;
    if let Some(host) = args.host {
        let report = measure(&fleet, &args.target.endpoint(host)?, &mut interrupt).await?;
        return Ok(outcome(&report));
    }
    let state =
        TempDir::new().map_err(|error| Stop::Failed(format!("cannot create a temporary folder: {error}")))?;
    let settings = args.app.settings(state.path().to_owned(), args.hub)?;
    within(settings, &fleet, args.target.transport, &mut interrupt).await
}

/// Measures with an emulator in this process, and counts what only the emulator knows: how often the
/// function ran.
async fn within(
    settings: Settings,
    fleet: &Fleet,
    transport: Transport,
    interrupt: &mut Interrupt,
) -> Result<Outcome, Stop> {
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    let functions = Journal::new(move |entry| {
        if entry.text.starts_with("Executing 'Functions.") {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        repeat_error(&entry);
    });
    // The outcome of each device is in the report.
    let service = Journal::new(|_| {});
    let emulator = interrupt.unless(Emulator::start(settings, functions, service)).await?;
    let emulator = emulator.map_err(|error| not_started(&error))?;
    let report = match emulator.endpoint(transport) {
        Ok(endpoint) => measure(fleet, &endpoint, interrupt).await,
        Err(error) => Err(Stop::failed(error)),
    };
    emulator.stop().await;
    let report = report?;
    let (executions, decided) =
        (executions.load(Ordering::Relaxed), report.assigned.sum() + report.refused.sum());
    writeln!(io::stdout(), "\nThe function ran {executions} times for {decided} decisions.")?;
    Ok(if executions == decided { outcome(&report) } else { Outcome::Failure })
}

/// Registers the fleet with a progress bar and prints the report; at Ctrl-C, on the devices so far.
async fn measure(fleet: &Fleet, endpoint: &Endpoint, interrupt: &mut Interrupt) -> Result<Report, Stop> {
    let bar = ProgressBar::new(fleet.count as u64);
    if let Ok(style) =
        ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} devices, {rate}/s, {eta} left")
    {
        let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{:.0}", state.per_sec());
        };
        bar.set_style(style.with_key("rate", rate));
    }
    let mut report = Report::new(fleet.count);
    let registering = fleet.register(endpoint, &mut report, || bar.inc(1));
    let finished = interrupt.unless(registering).await;
    bar.finish_and_clear();
    if finished.is_err() {
        report.cut_short();
    }
    write!(io::stdout(), "{report}")?;
    finished.map(|()| report)
}

/// Repeats an error of the Functions host on standard error.
fn repeat_error(entry: &Entry) {
    if entry.level == Level::Error {
        // A closed standard error is no reason to stop.
        let _ = writeln!(io::stderr(), "{entry}");
    }
}

fn outcome(report: &Report) -> Outcome {
    let accounted_for = report.failed.sum() == 0 && report.lost() == 0;
    if accounted_for && report.assigned.sum() > 0 { Outcome::Success } else { Outcome::Failure }
}
