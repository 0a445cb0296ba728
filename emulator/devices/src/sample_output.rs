use std::io::{self, Write};
use std::time::Duration;

use journal::shown;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::device::Device;
use crate::endpoint::Endpoint;
use crate::outcome::{Failure, Registration};
use crate::registration::Status;

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
/// Three things differ: the version is this program's, the errors name no file and line of the SDK, and the enter key
/// need not be pressed at the end.
///
/// # Errors
///
/// Those of writing.
pub async fn register_and_print(
    device: &Device,
    endpoint: &Endpoint,
    limit: Duration,
    mut out: impl Write,
) -> io::Result<Result<Registration, Failure>> {
    let mut print = |text: &str| out.write_all(text.as_bytes()).and_then(|()| out.flush());
    let version = env!("CARGO_PKG_VERSION");
    print(&format!("Provisioning API Version: {version}\n\nRegistering Device\n\n"))?;
    let mut printed = Ok(());
    let progress = |status| {
        let line = match status {
            Status::Connected => "Provisioning Status: PROV_DEVICE_REG_STATUS_CONNECTED\n",
            Status::Assigning => "Provisioning Status: PROV_DEVICE_REG_STATUS_ASSIGNING\n",
        };
        if printed.is_ok() {
            printed = print(line);
        }
    };
    let outcome = device.register(endpoint, limit, progress).await;
    printed?;
    let text = match &outcome {
        Ok(Registration { hub, device_id, payload }) => {
            let (hub, device_id) = (shown(hub, SHOWN), shown(device_id, SHOWN));
            let payload = payload.as_ref().map(|payload| shown(payload.get(), SHOWN));
            let payload = payload.map(|payload| format!("Payload received from service: {payload}\n"));
            format!(
                "\nRegistration Information received from service: {hub}, deviceId: {device_id}\n{}",
                payload.unwrap_or_default()
            )
        }
        Err(failure) => {
            let now = OffsetDateTime::now_utc().format(CTIME).map_err(io::Error::other)?;
            let mut text = format!("Error: Time:{now} {}\n", shown(&failure.to_string(), SHOWN));
            if let Failure::Refused(_) = failure {
                text += &format!("Error: Time:{now} Unable to process registration reply.\n");
                text += &format!("Error: Time:{now} Failure retrieving data from the provisioning service\n");
            }
            text + &format!("\nFailure registering device: {}\n", failure.result())
        }
    };
    print(&text)?;
    Ok(outcome)
}
