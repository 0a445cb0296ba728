//! The custom handler's process: start-up order and exit codes.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | told to stop (SIGTERM, SIGINT); requests under way had some seconds to end |
//! | 1 | cannot listen on its port, or cannot start |
//! | 64 | a setting is wrong (`EX_USAGE`) |
//!
//! To the Functions host any code but 0 and 200 is a crash; it restarts the handler twice
//! (`HttpFunctionInvocationDispatcher.cs` in <https://github.com/Azure/azure-functions-host>).

use std::env;
use std::io;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread::available_parallelism;

use dps_custom_allocation::body::Limits;
use dps_custom_allocation::logging::{self, Reader};
use dps_custom_allocation::server::{self, Handler};
use dps_custom_allocation::settings::{self, Settings};
use dps_custom_allocation::{allocation, connections, stop};
use tokio::net::TcpListener;

const CANNOT_SERVE: u8 = 1;
const BAD_SETTINGS: u8 = 64;

fn main() -> ExitCode {
    let under_host = env::var_os(settings::WORKER_ID).is_some();
    logging::start(if under_host { Reader::Host } else { Reader::Person });
    let settings = match Settings::load(|name| env::var(name)) {
        Ok(settings) => settings,
        Err(mistakes) => {
            log::error!("{mistakes}.");
            return ExitCode::from(BAD_SETTINGS);
        }
    };
    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}.");
            ExitCode::from(CANNOT_SERVE)
        }
    }
}

fn run(settings: Settings) -> io::Result<()> {
    connections::raise_file_limit();
    // Two threads at least, so that one slow policy does not keep the host from seeing that we live.
    let threads = available_parallelism().map_or(2, |cores| cores.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let served = runtime.block_on(async {
        // Before listening: whoever sees the port open may already ask to stop.
        let asked_to_stop = stop::asked()?;
        // The host calls from this machine alone.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await.map_err(|error| {
            io::Error::new(error.kind(), format!("Cannot listen on 127.0.0.1:{}: {error}", settings.port))
        })?;
        log::info!("Listening on http://{}{}", listener.local_addr()?, server::RAW_PATH);
        let handler = Handler::new(allocation::allocate, Limits::of(settings.body_limit));
        connections::serve(listener, server::routes(handler), asked_to_stop).await;
        Ok(())
    });
    // A policy that never returns must not keep the process from ending.
    runtime.shutdown_background();
    served
}
