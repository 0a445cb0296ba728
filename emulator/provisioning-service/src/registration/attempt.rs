//! One attempt of a device to be assigned, and what becomes of its record.

use std::sync::Arc;

use crate::enrollments::enrollment::{Enrollment, Reprovision};
use crate::registration::record::{Allocated, Failure, Registration, RegistrationState, Status, Substatus};
use crate::stamp;

/// One attempt of a device to be assigned.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) enrollment: Arc<Enrollment>,
    pub(crate) registration_id: String,
    pub(crate) operation_id: String,
    /// When the device asked.
    pub(crate) created: String,
    /// The device's record before.
    pub(crate) previous: Option<Registration>,
}

impl Attempt {
    /// The hub that the device has.
    pub(crate) fn current_hub(&self) -> Option<&str> {
        self.previous.as_ref()?.state.assigned_hub.as_deref()
    }

    /// The device's id in that hub.
    pub(crate) fn current_device_id(&self) -> Option<&str> {
        self.previous.as_ref()?.state.device_id.as_deref()
    }

    /// The hub that the device keeps whatever its policy says: that of a device which has one and is never
    /// re-provisioned. <https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision>
    pub(crate) fn kept_hub(&self) -> Option<&str> {
        self.current_hub().filter(|_| self.enrollment.reprovision == Reprovision::Never)
    }

    /// The record of the device, now that it is `allocated`.
    ///
    /// Whether its data moves and which twin it begins with follows
    /// <https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision>. A device that is given its
    /// hub once more is `reprovisionedToInitialAssignment`: the live service says so in Microsoft's own tests,
    /// <https://github.com/Azure/azure-iot-cli-extension/blob/dev/azext_iot/tests/dps/device_registration/test_iot_device_registration_group_int.py>.
    pub(crate) fn assigned(&self, allocated: Allocated) -> Registration {
        let begins = || allocated.initial_twin.clone().or_else(|| self.enrollment.initial_twin.clone());
        let (substatus, initial_twin) = match &self.previous {
            None => (Substatus::InitialAssignment, begins()),
            Some(previous) => {
                let moves = self.current_hub().is_none_or(|hub| !hub.eq_ignore_ascii_case(&allocated.hub));
                let keeps = previous.initial_twin.clone();
                match (self.enrollment.reprovision, moves) {
                    (Reprovision::Never, _) => {
                        (previous.state.substatus.unwrap_or(Substatus::InitialAssignment), keeps)
                    }
                    (_, false) => (Substatus::ReprovisionedToInitialAssignment, keeps),
                    (Reprovision::Migrate, true) => (Substatus::DeviceDataMigrated, keeps),
                    (Reprovision::Reset, true) => (Substatus::DeviceDataReset, begins()),
                }
            }
        };
        let device_id = self.enrollment.device_id.as_deref().or(self.current_device_id());
        let state = RegistrationState {
            assigned_hub: Some(allocated.hub),
            device_id: Some(device_id.unwrap_or(&self.registration_id).to_owned()),
            substatus: Some(substatus),
            payload: allocated.payload,
            ..self.decided(Status::Assigned)
        };
        let (operation_id, enrollment) = (self.operation_id.clone(), self.enrollment.to_string());
        Registration { state, operation_id, enrollment, initial_twin }
    }

    /// What the device is shown while it is not decided.
    pub(crate) fn assigning(&self) -> RegistrationState {
        let first = self.previous.as_ref().and_then(|previous| previous.state.created_date_time_utc.clone());
        RegistrationState {
            created_date_time_utc: Some(first.unwrap_or_else(|| self.created.clone())),
            ..self.state(Status::Assigning)
        }
    }

    /// What the device is shown when it is refused.
    pub(crate) fn failed(&self, failure: Failure) -> RegistrationState {
        RegistrationState {
            error_code: Some(failure.code),
            error_message: Some(failure.message),
            ..self.decided(Status::Failed)
        }
    }

    /// What the device is shown with no more than its id and `status`.
    pub(crate) fn state(&self, status: Status) -> RegistrationState {
        RegistrationState {
            registration_id: self.registration_id.clone(),
            status,
            ..RegistrationState::default()
        }
    }

    fn decided(&self, status: Status) -> RegistrationState {
        RegistrationState {
            status,
            last_updated_date_time_utc: Some(stamp::now()),
            etag: Some(stamp::device_etag(&self.operation_id)),
            ..self.assigning()
        }
    }
}
