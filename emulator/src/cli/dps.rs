use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use journal::Journal;
use provisioning_service::{Config, Dps, DpsOptions, ServiceOptions, WebhookOptions};

use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::Outcome;
use crate::cli::service::Service;
use crate::cli::value::seconds;

/// Run a Device Provisioning Service with your own enrollments.
///
/// Prints what happens to each device, and what the real service hides: each call of a webhook with its
/// answer, and why a credential is refused. Ends at Ctrl-C; assignments are kept.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File with the ID scope, the linked hubs and the enrollments: JSON, comments allowed.
    /// The emulator's sample.jsonc shows and explains every member
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Address to listen on
    #[arg(long, value_name = "IP", default_value_t = Ipv4Addr::LOCALHOST.into())]
    address: IpAddr,

    #[command(flatten)]
    service: Service,

    /// Seconds that devices are asked to wait before they poll
    #[arg(long, value_name = "SECONDS", default_value_t = ServiceOptions::default().retry_after)]
    retry_after: u64,

    /// Registrations that are accepted in a minute; more are answered 429. The real service's quota is
    /// 1000 [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    quota: Option<NonZeroU32>,

    /// Seconds that one call of a webhook may take. What the real service waits is not documented
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    webhook_timeout: Duration,

    /// How many times a webhook is called again that answers 429 or above, or not at all
    #[arg(long, value_name = "NUMBER", default_value_t = WebhookOptions::default().retries)]
    webhook_retries: u32,

    /// Seconds before the first of these calls
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    webhook_first_pause: Duration,

    /// Seconds by which each pause is longer than the one before
    #[arg(long, value_name = "SECONDS", default_value = "9", value_parser = seconds)]
    webhook_pause_growth: Duration,
}

pub(super) async fn run(args: Args) -> Outcome {
    let mut interrupt = Interrupt::listen()?;
    let config = Config::load(&args.config)?;
    let journal = Journal::stdout();
    let id_scope = config.id_scope.clone();
    let options = DpsOptions {
        address: args.address,
        mqtt_port: args.service.mqtt_port,
        https_ports: args.service.https_ports(),
        service: ServiceOptions {
            retry_after: args.retry_after,
            quota: args.quota,
            webhook: WebhookOptions {
                timeout: args.webhook_timeout,
                retries: args.webhook_retries,
                first_pause: args.webhook_first_pause,
                pause_growth: args.webhook_pause_growth,
                ..WebhookOptions::default()
            },
            ..ServiceOptions::default()
        },
        ..DpsOptions::new(config, args.service.state)
    };
    let dps = Dps::start(options, journal.clone()).await?;
    let (mqtt, https) = (dps.mqtt_address(), dps.https_address());
    journal.info(format!(
        "devices of ID scope {id_scope} register over MQTT at {mqtt} and over HTTPS at {https}"
    ));
    journal.info(format!("devices must trust {}", dps.ca_certificate().display()));
    interrupt.wait().await;
    dps.stop().await;
    Ok(true)
}
