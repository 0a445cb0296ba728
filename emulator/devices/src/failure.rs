use std::fmt;
use std::time::Duration;

/// Why a device is not registered.
///
/// Its words are those of the Azure IoT C SDK, which the tutorial's output shows, as far as that SDK
/// has words for it: <https://github.com/Azure/azure-iot-sdk-c>, `provisioning_client/src/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The service decided against the device: status `failed`.
    Refused(Refusal),
    /// The enrollment is disabled.
    Disabled,
    /// The service did not accept the device's credential; with its answer, if it gave one.
    Credential(String),
    /// The service sent something that a device cannot use.
    Answer(String),
    /// The service answered a request twice, or one that was never made.
    Unasked(String),
    /// The service could not be reached, or the connection was lost.
    Transport(String),
    /// No answer, or no decision, after so long.
    Timeout(Duration),
}

/// Status `failed`, as the service puts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The operation that failed.
    pub operation_id: String,
    /// When it failed, as the service writes it.
    pub date: String,
    /// The service's error code: 400207 when a custom allocation failed.
    pub code: Option<i64>,
    /// The service's message.
    pub message: String,
}

impl Failure {
    /// What `Prov_Device_Register_Device`'s callback reports for it: a `PROV_DEVICE_RESULT_…`.
    ///
    /// Source: <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation> (the C SDK's
    /// result for each outcome of a webhook), and that SDK's own code for the others.
    #[must_use]
    pub fn result(&self) -> &'static str {
        match self {
            Self::Refused(Refusal { code: Some(400_208), .. }) => "PROV_DEVICE_RESULT_HUB_NOT_SPECIFIED",
            Self::Refused(Refusal { code: Some(400_209), .. }) => "PROV_DEVICE_RESULT_UNAUTHORIZED",
            Self::Refused(_) | Self::Credential(_) => "PROV_DEVICE_RESULT_DEV_AUTH_ERROR",
            Self::Disabled => "PROV_DEVICE_RESULT_DISABLED",
            Self::Answer(_) => "PROV_DEVICE_RESULT_PARSING",
            Self::Unasked(_) => "PROV_DEVICE_RESULT_ERROR",
            Self::Transport(_) => "PROV_DEVICE_RESULT_TRANSPORT",
            Self::Timeout(_) => "PROV_DEVICE_RESULT_TIMEOUT",
        }
    }
}

// === impl Display ===

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "Provisioning Failure: {refusal}"),
            Self::Disabled => f.write_str("The device has been disabled by DPS service"),
            Self::Credential(what) | Self::Answer(what) | Self::Unasked(what) | Self::Transport(what) => {
                f.write_str(what)
            }
            Self::Timeout(limit) => write!(f, "Timed out after {} s", limit.as_secs()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation_id, date, message, .. } = self;
        write!(f, "OperationId: {operation_id} - Date: {date} - Msg: {message}")
    }
}
