//! The registration of a device: its record, and how a further registration changes it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::enrollments::enrollment::{Enrollment, Reprovision};
use crate::stamp;

/// The record of a device that has a hub, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registration {
    /// As the device spelled it when it registered last.
    pub(crate) registration_id: String,
    /// The operation that made this record what it is, for a device that asks after a restart.
    pub(crate) operation_id: String,
    /// Which enrollment the device matched, in words.
    pub(crate) enrollment: String,
    pub(crate) created_date_time_utc: String,
    pub(crate) last_updated_date_time_utc: String,
    pub(crate) etag: String,
    pub(crate) assigned_hub: String,
    pub(crate) device_id: String,
    pub(crate) substatus: Substatus,
    /// The twin with which the device's data in this hub began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) initial_twin: Option<Box<RawValue>>,
    /// The webhook's payload for the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Box<RawValue>>,
}

/// How a device came to the hub it is assigned to:
/// <https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration/operation-status-lookup>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Substatus {
    /// For the first time.
    InitialAssignment,
    /// From another hub, and its data came along.
    DeviceDataMigrated,
    /// From another hub, and it begins again with the initial twin.
    DeviceDataReset,
    /// It was there before.
    ReprovisionedToInitialAssignment,
}

/// What a policy decided for a device.
#[derive(Clone, Debug)]
pub(crate) struct Allocated {
    /// The hub, one of those the policy had to choose from.
    pub(crate) hub: String,
    /// The twin to begin with, in place of the enrollment's.
    pub(crate) initial_twin: Option<Box<RawValue>>,
    /// The payload for the device.
    pub(crate) payload: Option<Box<RawValue>>,
}

/// Why a registration failed, as the device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `errorCode`, such as 400207.
    pub(crate) code: u32,
    /// `errorMessage`.
    pub(crate) message: String,
}

/// One attempt of a device to be assigned.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) enrollment: Arc<Enrollment>,
    pub(crate) registration_id: String,
    pub(crate) operation_id: String,
    /// When the device asked.
    pub(crate) created: String,
    /// The device's record before.
    pub(crate) previous: Option<Arc<Registration>>,
}

/// `registrationState`, as devices are shown it. Members that do not apply are absent.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationState {
    registration_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_date_time_utc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_hub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    /// `assigning`, `assigned`, `failed` or `disabled`.
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    substatus: Option<Substatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_date_time_utc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

// === impl Substatus ===

impl fmt::Display for Substatus {
    /// As devices are told it: `initialAssignment`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InitialAssignment => "initialAssignment",
            Self::DeviceDataMigrated => "deviceDataMigrated",
            Self::DeviceDataReset => "deviceDataReset",
            Self::ReprovisionedToInitialAssignment => "reprovisionedToInitialAssignment",
        })
    }
}

// === impl Attempt ===

impl Attempt {
    /// The hubs that a policy may choose from. A device that is never re-provisioned has no choice but
    /// the hub it has: <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation>.
    pub(crate) fn linked_hubs(&self) -> Vec<&str> {
        match &self.previous {
            Some(previous) if self.enrollment.reprovision == Reprovision::Never => {
                vec![&previous.assigned_hub]
            }
            _ => self.enrollment.hubs.iter().map(|hub| hub.name.as_str()).collect(),
        }
    }

    /// The record of the device, now that it is `allocated`.
    ///
    /// Whether its data moves and which twin it begins with follows
    /// <https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision>. A device that is given its
    /// hub once more is `reprovisionedToInitialAssignment`: the live service says so in Microsoft's own tests,
    /// <https://github.com/Azure/azure-iot-cli-extension/blob/dev/azext_iot/tests/dps/device_registration/test_iot_device_registration_group_int.py>.
    pub(crate) fn assigned(&self, allocated: Allocated) -> Registration {
        let reprovision = self.enrollment.reprovision;
        let begins = || allocated.initial_twin.clone().or_else(|| self.enrollment.initial_twin.clone());
        let (substatus, initial_twin) = match &self.previous {
            None => (Substatus::InitialAssignment, begins()),
            Some(previous) => {
                let moves = !previous.assigned_hub.eq_ignore_ascii_case(&allocated.hub);
                let keeps = previous.initial_twin.clone();
                match (reprovision, moves) {
                    (Reprovision::Never, _) => (previous.substatus, keeps),
                    (_, false) => (Substatus::ReprovisionedToInitialAssignment, keeps),
                    (Reprovision::Migrate, true) => (Substatus::DeviceDataMigrated, keeps),
                    (Reprovision::Reset, true) => (Substatus::DeviceDataReset, begins()),
                }
            }
        };
        let device_id = self.enrollment.device_id.as_ref();
        let device_id = device_id.or_else(|| self.previous.as_ref().map(|previous| &previous.device_id));
        Registration {
            registration_id: self.registration_id.clone(),
            operation_id: self.operation_id.clone(),
            enrollment: self.enrollment.to_string(),
            created_date_time_utc: self.first_created(),
            last_updated_date_time_utc: stamp::now(),
            etag: stamp::device_etag(&self.operation_id),
            assigned_hub: allocated.hub,
            device_id: device_id.unwrap_or(&self.registration_id).clone(),
            substatus,
            initial_twin,
            payload: allocated.payload,
        }
    }

    /// What the device is shown while it is not decided.
    pub(crate) fn assigning_state(&self) -> RegistrationState {
        let created = Some(self.first_created());
        RegistrationState {
            created_date_time_utc: created,
            ..RegistrationState::new(&self.registration_id, "assigning")
        }
    }

    /// What the device is shown when it is refused.
    pub(crate) fn failed_state(&self, failure: &Failure) -> RegistrationState {
        RegistrationState {
            created_date_time_utc: Some(self.first_created()),
            error_code: Some(failure.code),
            error_message: Some(failure.message.clone()),
            last_updated_date_time_utc: Some(stamp::now()),
            etag: Some(stamp::device_etag(&self.operation_id)),
            ..RegistrationState::new(&self.registration_id, "failed")
        }
    }

    fn first_created(&self) -> String {
        self.previous.as_ref().map_or(&self.created, |previous| &previous.created_date_time_utc).clone()
    }
}

// === impl RegistrationState ===

impl RegistrationState {
    fn new(registration_id: &str, status: &'static str) -> Self {
        Self {
            registration_id: registration_id.to_owned(),
            created_date_time_utc: None,
            assigned_hub: None,
            device_id: None,
            status,
            substatus: None,
            error_code: None,
            error_message: None,
            last_updated_date_time_utc: None,
            etag: None,
            payload: None,
        }
    }

    /// What a device is shown whose enrollment is disabled.
    pub(crate) fn disabled(registration_id: &str) -> Self {
        Self::new(registration_id, "disabled")
    }
}

impl From<&Registration> for RegistrationState {
    fn from(registration: &Registration) -> Self {
        let registration = registration.clone();
        Self {
            registration_id: registration.registration_id,
            created_date_time_utc: Some(registration.created_date_time_utc),
            assigned_hub: Some(registration.assigned_hub),
            device_id: Some(registration.device_id),
            status: "assigned",
            substatus: Some(registration.substatus),
            error_code: None,
            error_message: None,
            last_updated_date_time_utc: Some(registration.last_updated_date_time_utc),
            etag: Some(registration.etag),
            payload: registration.payload,
        }
    }
}
