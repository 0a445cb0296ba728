use std::time::Duration;

use serde_json::value::RawValue;
use thiserror::Error;

/// What a registered device receives.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The host name of its IoT hub.
    pub hub: String,
    /// Its device id in that hub.
    pub device_id: String,
    /// The allocation policy's payload for it: JSON.
    pub payload: Option<Box<RawValue>>,
}

/// Why a device is not registered.
///
/// The messages are those of the Azure IoT C SDK, which the tutorial's output shows, as far as that SDK has one:
/// <https://github.com/Azure/azure-iot-sdk-c>, `provisioning_client/src/`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// The service decided against the device: status `failed`.
    #[error("Provisioning Failure: {0}")]
    Refused(Refusal),
    /// The enrollment is disabled.
    #[error("The device has been disabled by DPS service")]
    Disabled,
    /// The service did not accept the device's credential; with its answer, if it gave one.
    #[error("{0}")]
    Credential(String),
    /// The service sent something that a device cannot use.
    #[error("{0}")]
    Answer(String),
    /// The service answered a request twice, or one that was never made.
    #[error("Answer to no request, or to one answered already: {0}")]
    Unrequested(String),
    /// The service could not be reached, or the connection was lost.
    #[error("{0}")]
    Transport(String),
    /// No answer, or no decision, after so long.
    #[error("Timed out after {} s", .0.as_secs())]
    Timeout(Duration),
}

/// Status `failed`, as the service puts it.
#[derive(Clone, Debug, Default, Error, PartialEq, Eq)]
#[error("OperationId: {operation_id} - Date: {date} - Msg: {message}")]
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
    /// What the callback of `Prov_Device_Register_Device` reports for it: a `PROV_DEVICE_RESULT_…`.
    ///
    /// Source: <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation> (the C SDK's result for each
    /// outcome of a webhook), and that SDK's own code for the others.
    #[must_use]
    pub fn result(&self) -> &'static str {
        match self {
            Self::Refused(Refusal { code: Some(400_208), .. }) => "PROV_DEVICE_RESULT_HUB_NOT_SPECIFIED",
            Self::Refused(Refusal { code: Some(400_209), .. }) => "PROV_DEVICE_RESULT_UNAUTHORIZED",
            Self::Refused(_) | Self::Credential(_) => "PROV_DEVICE_RESULT_DEV_AUTH_ERROR",
            Self::Disabled => "PROV_DEVICE_RESULT_DISABLED",
            Self::Answer(_) => "PROV_DEVICE_RESULT_PARSING",
            Self::Unrequested(_) => "PROV_DEVICE_RESULT_ERROR",
            Self::Transport(_) => "PROV_DEVICE_RESULT_TRANSPORT",
            Self::Timeout(_) => "PROV_DEVICE_RESULT_TIMEOUT",
        }
    }
}
