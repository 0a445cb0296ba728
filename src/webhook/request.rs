//! The allocation request: a registering device, its enrollment, and the hubs it may go to.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{self, Malformed, Member, Text};
use super::{EnrollmentGroup, IndividualEnrollment, Tpm};

/// What DPS asks a webhook: to which of `linkedHubs` does this device belong?
///
/// <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation#custom-allocation-policy-request>
#[derive(Clone, Copy, Debug)]
pub struct AllocationRequest<'a> {
    /// The enrollment that the device matched, if it is one for this device alone.
    pub individual_enrollment: Member<'a, IndividualEnrollment>,
    /// The enrollment group that the device matched. DPS sends this one or the one above.
    pub enrollment_group: Member<'a, EnrollmentGroup>,
    /// The device, as it registers now.
    pub device_runtime_context: DeviceRuntimeContext<'a>,
    linked_hubs: Option<&'a RawValue>,
}

/// The device that registers, and where it was assigned before.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRuntimeContext<'a> {
    registration_id: Option<&'a RawValue>,
    current_iot_hub_host_name: Option<&'a RawValue>,
    current_device_id: Option<&'a RawValue>,
    /// The device's certificate, when it attests with X.509.
    pub x509: Member<'a, X509DeviceAttestation>,
    /// The device's TPM keys, when it attests with a TPM.
    pub tpm: Member<'a, Tpm>,
    /// `{}` when the device attests with a symmetric key: the keys themselves are never sent.
    pub symmetric_key: Member<'a, serde_json::Map<String, serde_json::Value>>,
    /// What the device sent along, any JSON. [`Member::read_as`] reads it as a type of one's own.
    ///
    /// <https://learn.microsoft.com/azure/iot-dps/how-to-send-additional-data>
    pub payload: Member<'a, serde_json::Value>,
}

/// The host name of a hub that the enrollment may use, such as
/// `contoso-toasters-hub-1098.azure-devices.net`.
///
/// Only [`AllocationRequest::linked_hubs`] makes one, and an answer takes nothing else: a policy cannot
/// name a hub that DPS would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Hub<'a>(Cow<'a, str>);

/// The certificate that a device showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct X509DeviceAttestation {
    /// The leaf certificate, base64 of its DER form. The contract does not describe this member; public
    /// functions that decode it so are all the evidence there is.
    pub client_certificate: Option<String>,
}

// === impl AllocationRequest ===

impl<'a> AllocationRequest<'a> {
    /// Reads the body of a webhook call. An empty body and `null` are a request with no members, as they
    /// are to the C# sample; a byte-order mark in front is skipped.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the body is not one JSON object, or `deviceRuntimeContext` is not an object.
    pub fn parse(body: &'a str) -> Result<Self, Malformed> {
        let body = body.strip_prefix('\u{feff}').unwrap_or(body);
        if matches!(body.trim_matches([' ', '\t', '\r', '\n']), "" | "null") {
            return Self::from_members([None; 4]);
        }
        Self::from_members(json::members("", body, |name| match name {
            "individualEnrollment" => Some(0),
            "enrollmentGroup" => Some(1),
            "deviceRuntimeContext" => Some(2),
            "linkedHubs" => Some(3),
            _ => None,
        })?)
    }

    /// The hubs that the enrollment may use, in the service's order; `None` when absent or `null`.
    ///
    /// # Errors
    ///
    /// [`Malformed::WrongType`] when `linkedHubs` is not an array of strings.
    pub fn linked_hubs(&self) -> Result<Option<Vec<Hub<'a>>>, Malformed> {
        let Some(text) = self.linked_hubs else { return Ok(None) };
        let hubs: Vec<Text<'a>> = json::read_text("linkedHubs", text)?;
        Ok(Some(hubs.into_iter().map(|Text(name)| Hub(name)).collect()))
    }

    fn from_members(members: [Option<&'a RawValue>; 4]) -> Result<Self, Malformed> {
        let [individual_enrollment, enrollment_group, device, linked_hubs] = members;
        Ok(Self {
            individual_enrollment: Member::new("individualEnrollment", individual_enrollment),
            enrollment_group: Member::new("enrollmentGroup", enrollment_group),
            device_runtime_context: DeviceRuntimeContext::parse(device)?,
            linked_hubs,
        })
    }
}

// === impl DeviceRuntimeContext ===

impl<'a> DeviceRuntimeContext<'a> {
    /// The device's registration id; `None` when absent or `null`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when it is neither a string nor a scalar that could stand for one.
    pub fn registration_id(&self) -> Result<Option<Cow<'a, str>>, Malformed> {
        read_name("deviceRuntimeContext.registrationId", self.registration_id)
    }

    /// The hub that the device is assigned to now; `None` on its first registration. Read in every
    /// casing: the documentation prints `currentIotHubHostName`, `currentIoTHubHostName` and
    /// `currentIoTHubHostname`.
    ///
    /// # Errors
    ///
    /// As [`Self::registration_id`].
    pub fn current_iot_hub_host_name(&self) -> Result<Option<Cow<'a, str>>, Malformed> {
        read_name("deviceRuntimeContext.currentIotHubHostName", self.current_iot_hub_host_name)
    }

    /// The device's id on that hub; `None` on its first registration.
    ///
    /// # Errors
    ///
    /// As [`Self::registration_id`].
    pub fn current_device_id(&self) -> Result<Option<Cow<'a, str>>, Malformed> {
        read_name("deviceRuntimeContext.currentDeviceId", self.current_device_id)
    }

    fn parse(text: Option<&'a RawValue>) -> Result<Self, Malformed> {
        let members = match text {
            None => [None; 7],
            Some(text) => json::members("deviceRuntimeContext", text.get(), |name| match name {
                "registrationId" => Some(0),
                "currentDeviceId" => Some(2),
                "x509" => Some(3),
                "tpm" => Some(4),
                "symmetricKey" => Some(5),
                "payload" => Some(6),
                name if name.eq_ignore_ascii_case("currentIotHubHostName") => Some(1),
                _ => None,
            })?,
        };
        let [
            registration_id,
            current_iot_hub_host_name,
            current_device_id,
            x509,
            tpm,
            symmetric_key,
            payload,
        ] = members;
        Ok(Self {
            registration_id,
            current_iot_hub_host_name,
            current_device_id,
            x509: Member::new("deviceRuntimeContext.x509", x509),
            tpm: Member::new("deviceRuntimeContext.tpm", tpm),
            symmetric_key: Member::new("deviceRuntimeContext.symmetricKey", symmetric_key),
            payload: Member::new(json::PAYLOAD, payload),
        })
    }
}

fn read_name<'a>(place: &str, text: Option<&'a RawValue>) -> Result<Option<Cow<'a, str>>, Malformed> {
    text.map(|text| json::read_text(place, text).map(|Text(name)| name)).transpose()
}

// === impl Hub ===

impl Deref for Hub<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hub<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
