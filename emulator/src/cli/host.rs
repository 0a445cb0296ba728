use std::net::{IpAddr, Ipv4Addr};

use crate::cli::app::App;
use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::Outcome;
use functions_host::{Framing, FunctionKeys, FunctionsHost, HostOptions};
use journal::Journal;

/// Run a function app's custom handler and serve its functions, as `func start` does.
///
/// Prints what `func start` prints: the functions, each execution, and what the handler logs. Ends at
/// Ctrl-C, or with exit code 1 when the host gives the handler up, such as after its third failure.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    app: App,

    /// Port to serve the functions on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 7071)]
    port: u16,

    /// Address to serve the functions on
    #[arg(long, value_name = "IP", default_value_t = Ipv4Addr::LOCALHOST.into())]
    address: IpAddr,

    /// Key that callers must give, as ?code=KEY or in the header x-functions-key. Without one every caller is
    /// accepted, as by `func start`
    #[arg(long, value_name = "KEY", env = "DPS_EMULATOR_FUNCTION_KEY", hide_env_values = true)]
    function_key: Option<String>,

    /// Send envelopes to the handler in chunks, as the host in Azure does; without this they have a
    /// Content-Length, as under `func`
    #[arg(long)]
    chunked: bool,
}

pub(super) async fn run(args: Args) -> Outcome {
    let mut interrupt = Interrupt::listen()?;
    let options = HostOptions {
        address: args.address,
        port: args.port,
        framing: if args.chunked { Framing::Chunked } else { Framing::ContentLength },
        inputs: args.app.inputs(),
        keys: args.function_key.map(FunctionKeys::with_default),
        executable: args.app.executable(),
        ..HostOptions::new(args.app.folder()?)
    };
    let host = FunctionsHost::start(options, Journal::stdout()).await?;
    let outcome = interrupt.or_end_of(&host).await;
    host.stop().await;
    outcome
}
