//! The custom handler's process: start-up order and exit codes.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | told to stop (SIGTERM, SIGINT); requests under way had some seconds to end |
//! | 1 | cannot listen on its port, or cannot start |
//! | 64 | an argument, a setting or a file of the app is wrong (`EX_USAGE`) |
//! | 200 | told to stop by SIGTERM under the Functions host |
//!
//! To the Functions host any code but 0 and 200 is a crash; it restarts the handler twice. Upon 200 it restarts it at
//! once and does not count it; upon 0 it never does, and every call fails from then on
//! (`HttpFunctionInvocationDispatcher.cs` in <https://github.com/Azure/azure-functions-host>).

use std::env;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread::available_parallelism;

use dps_custom_allocation::app::App;
use dps_custom_allocation::body::Limits;
use dps_custom_allocation::cli::{self, Command, Explain, Said, USAGE};
use dps_custom_allocation::logging::{self, Reader};
use dps_custom_allocation::mistakes::Mistakes;
use dps_custom_allocation::policies::{self, Chosen, Unset};
use dps_custom_allocation::server::{self, Handler};
use dps_custom_allocation::settings::{self, Settings};
use dps_custom_allocation::stop::{self, AskedBy};
use dps_custom_allocation::{connections, decision};
use tokio::net::TcpListener;

const CANNOT_SERVE: u8 = 1;
const RESTART: u8 = 200;

fn main() -> ExitCode {
    let under_host = env::var_os(settings::WORKER_ID).is_some();
    // Dropped last, it writes what is still to be said.
    let Ok(_log) = logging::start(if under_host { Reader::Host } else { Reader::Person }) else {
        return ExitCode::from(CANNOT_SERVE);
    };
    match cli::parse(env::args_os().skip(1)) {
        Ok(Command::Serve) => serve(under_host),
        Ok(Command::Help) => print(cli::HELP),
        Ok(Command::Version) => print(&cli::version()),
        Ok(Command::Check(file)) => say(settings().and_then(|settings| cli::check(file, &settings))),
        Ok(Command::Explain(request)) => say(explain(request)),
        Err(unknown) => fail(USAGE, &unknown),
    }
}

fn serve(under_host: bool) -> ExitCode {
    match load() {
        Ok((settings, app, chosen)) => match run(&settings, app, chosen) {
            Ok(AskedBy::Terminate) if under_host => ExitCode::from(RESTART),
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => fail(CANNOT_SERVE, &error.to_string()),
        },
        Err(mistakes) => fail_all(mistakes),
    }
}

fn settings() -> Result<Settings, Mistakes> {
    Settings::load(|name| env::var(name))
}

fn load() -> Result<(Settings, App, Chosen), Mistakes> {
    let settings = settings()?;
    let app = App::load(&settings.app_root, &|name| env::var(name).ok())?;
    let chosen = policies::choose(&settings, &app, Unset::Mistake)?;
    Ok((settings, app, chosen))
}

fn run(settings: &Settings, app: App, chosen: Chosen) -> io::Result<AskedBy> {
    connections::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(available_parallelism().map_or(1, usize::from))
        .max_blocking_threads(decision::THREADS)
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        // Before listening: whoever sees the port open may already ask to stop.
        let asked_to_stop = stop::asked()?;
        // The host calls from this machine alone.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await.map_err(|error| {
            io::Error::new(error.kind(), format!("Cannot listen on 127.0.0.1:{}: {error}", settings.port))
        })?;
        log::info!("Listening on http://{}", listener.local_addr()?);
        log::info!("Functions: {}", app.routes());
        log::info!("Policy: {}", chosen.name);
        let limits = Limits::of(settings.body_limit);
        let handler = Handler::new(app, chosen.policy, limits, settings.log_body);
        Ok(connections::serve(listener, server::routes(handler), asked_to_stop).await)
    });
    // A policy that never returns must not keep the process from ending.
    runtime.shutdown_background();
    served
}

fn explain(request: Explain) -> Result<Said, Mistakes> {
    let settings = settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Mistakes::from(format!("Cannot start: {error}")))?;
    runtime.block_on(cli::explain(request, &settings))
}

fn say(said: Result<Said, Mistakes>) -> ExitCode {
    match said {
        Ok(Said { text, code }) => {
            print(&text);
            ExitCode::from(code)
        }
        Err(mistakes) => fail_all(mistakes),
    }
}

fn fail_all(mistakes: Mistakes) -> ExitCode {
    for mistake in mistakes.into_lines() {
        log::error!("{mistake}.");
    }
    ExitCode::from(USAGE)
}

fn print(text: &str) -> ExitCode {
    let written = io::stdout().write_all(text.as_bytes());
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(CANNOT_SERVE) }
}

fn fail(code: u8, what: &str) -> ExitCode {
    log::error!("{what}.");
    ExitCode::from(code)
}
