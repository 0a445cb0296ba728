use std::io::{self, Write};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{Device, Endpoint, Failure, Registration, Status};
use journal::shown;

/// C's `ctime`, as the SDK stamps its errors: `Wed Sep 23 13:06:01 2020`.
const CTIME: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);

/// How many characters of a text from the service are printed.
const SHOWN: usize = 100_000;

/// Registers `device` and prints to `out` what the tutorial's C sample prints, line by line as it happens.
///
/// Sample: <https://github.com/Azure/azure-iot-sdk-c>,
/// `provisioning_client/samples/prov_dev_client_sample/prov_dev_client_sample.c`.
/// Three things differ: the version is this program's, the errors name no file and line of the SDK,
/// and the enter key need not be pressed at the end.
///
/// # Errors
///
/// Those of writing.
pub async fn register_aloud(
    device: &Device,
    endpoint: &Endpoint,
    limit: Duration,
    out: impl Write,
) -> io::Result<Result<Registration, Failure>> {
    let mut transcript = Transcript { out };
    transcript.begin()?;
    let mut printed = Ok(());
    let outcome = device
        .register(endpoint, limit, |status| {
            if printed.is_ok() {
                printed = transcript.step(status);
            }
        })
        .await;
    printed?;
    transcript.end(&outcome)?;
    Ok(outcome)
}

struct Transcript<W> {
    out: W,
}

impl<W: Write> Transcript<W> {
    fn begin(&mut self) -> io::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        writeln!(self.out, "Provisioning API Version: {version}\n\nRegistering Device\n")?;
        self.out.flush()
    }

    fn step(&mut self, status: Status) -> io::Result<()> {
        let name = match status {
            Status::Connected => "CONNECTED",
            Status::Assigning => "ASSIGNING",
        };
        writeln!(self.out, "Provisioning Status: PROV_DEVICE_REG_STATUS_{name}")?;
        self.out.flush()
    }

    fn end(&mut self, outcome: &Result<Registration, Failure>) -> io::Result<()> {
        match outcome {
            Ok(registration) => self.registered(registration)?,
            Err(failure) => self.failed(failure)?,
        }
        self.out.flush()
    }

    fn registered(&mut self, registration: &Registration) -> io::Result<()> {
        let Registration { hub, device_id, payload, .. } = registration;
        let (hub, device_id) = (shown(hub, SHOWN), shown(device_id, SHOWN));
        writeln!(self.out, "\nRegistration Information received from service: {hub}, deviceId: {device_id}")?;
        if let Some(payload) = payload {
            writeln!(self.out, "Payload received from service: {}", shown(payload.get(), SHOWN))?;
        }
        Ok(())
    }

    fn failed(&mut self, failure: &Failure) -> io::Result<()> {
        self.error(&failure.to_string())?;
        if let Failure::Refused(_) = failure {
            self.error("Unable to process registration reply.")?;
            self.error("Failure retrieving data from the provisioning service")?;
        }
        writeln!(self.out, "\nFailure registering device: {}", failure.result())
    }

    fn error(&mut self, text: &str) -> io::Result<()> {
        let now = OffsetDateTime::now_utc().format(CTIME).map_err(io::Error::other)?;
        writeln!(self.out, "Error: Time:{now} {}", shown(text, SHOWN))
    }
}
