//! One attempt of a device to be assigned, and what becomes of its record.

use std::sync::Arc;

use crate::enrollments::enrollment::{Enrollment, Reprovision};
use crate::registration::outcome::{Allocated, Failure};
use crate::registration::record::{Registration, Substatus};
use crate::registration::state::RegistrationState;
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
    /// The hub that the device keeps whatever its policy says: that of a device which has one and is never
    /// re-provisioned. <https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision>
    pub(crate) fn kept_hub(&self) -> Option<&str> {
        let previous = self.previous.as_ref().filter(|_| self.enrollment.reprovision == Reprovision::Never);
        previous.map(|previous| &*previous.assigned_hub)
    }

    /// The record of the device, now that it is `allocated`.
    ///
    /// Whether its data moves and which twin it begins with follows
    /// <https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision>. A device that is given its
    /// hub once more is `reprovisionedToInitialAssignment`: the live service says so in Microsoft's own tests,
    /// <https://github.com/Azure/azure-iot-cli-extension/blob/dev/azext_iot/tests/dps/device_registration/test_iot_device_registration_group_int.py>.
    pub(crate) fn assigned(&self, allocated: Allocated) -> Registration {
        let previous = self.previous.as_ref();
        let begins = || allocated.initial_twin.clone().or_else(|| self.enrollment.initial_twin.clone());
        let (substatus, initial_twin) = match previous {
            None => (Substatus::InitialAssignment, begins()),
            Some(previous) => {
                let moves = !previous.assigned_hub.eq_ignore_ascii_case(&allocated.hub);
                let keeps = previous.initial_twin.clone();
                match (self.enrollment.reprovision, moves) {
                    (Reprovision::Never, _) => (previous.substatus, keeps),
                    (_, false) => (Substatus::ReprovisionedToInitialAssignment, keeps),
                    (Reprovision::Migrate, true) => (Substatus::DeviceDataMigrated, keeps),
                    (Reprovision::Reset, true) => (Substatus::DeviceDataReset, begins()),
                }
            }
        };
        let device_id = self.enrollment.device_id.as_ref().or(previous.map(|previous| &previous.device_id));
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
        RegistrationState {
            created_date_time_utc: Some(self.first_created()),
            ..RegistrationState::new(&self.registration_id, "assigning")
        }
    }

    /// What the device is shown when it is refused.
    pub(crate) fn failed_state(&self, failure: Failure) -> RegistrationState {
        RegistrationState {
            created_date_time_utc: Some(self.first_created()),
            error_code: Some(failure.code),
            error_message: Some(failure.message),
            last_updated_date_time_utc: Some(stamp::now()),
            etag: Some(stamp::device_etag(&self.operation_id)),
            ..RegistrationState::new(&self.registration_id, "failed")
        }
    }

    fn first_created(&self) -> String {
        self.previous.as_ref().map_or(&self.created, |previous| &previous.created_date_time_utc).clone()
    }
}
