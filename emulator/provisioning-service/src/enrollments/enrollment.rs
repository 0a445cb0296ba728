//! Enrollments: who may register, and how they are allocated.
//!
//! Their shape is that of the service's REST API, version 2021-10-01:
//! <https://learn.microsoft.com/rest/api/iot-dps/service/enrollment-group/get> and
//! <https://learn.microsoft.com/rest/api/iot-dps/service/individual-enrollment/get>.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hyper::Uri;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use symmetric_key::SymmetricKey;

use crate::enrollments::linked_hub::Hub;
use crate::registration_id::fold;

/// One enrollment group or individual enrollment.
#[derive(Clone, Debug)]
pub(crate) struct Enrollment {
    pub(crate) kind: Kind,
    /// The group's id, or the registration id of the one device.
    pub(crate) id: String,
    /// The primary key, and the secondary if there is one.
    pub(crate) keys: Vec<SymmetricKey>,
    /// `provisioningStatus`: `false` for `disabled`.
    pub(crate) enabled: bool,
    /// The device id in the hub, where it is not the registration id. Individual enrollments only.
    pub(crate) device_id: Option<String>,
    pub(crate) reprovision: Reprovision,
    pub(crate) policy: Policy,
    /// The hubs to choose from: those selected here, or all linked ones if none is. For `hashed` and
    /// `geoLatency` only those that the policy applies to.
    pub(crate) hubs: Vec<Hub>,
    /// The twin a device begins with, where the policy gives none.
    pub(crate) initial_twin: Option<Box<RawValue>>,
    /// The record as the webhook is given it: without keys, and with a redacted webhook URL.
    pub(crate) record: Map<String, Value>,
}

/// For whom it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// For every device with a key derived from the group's.
    Group,
    /// For one device.
    Individual,
}

/// `reprovisionPolicy`: <https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reprovision {
    /// Move to the hub now chosen, with the device's data. The default.
    Migrate,
    /// Move to the hub now chosen, and begin there with the initial twin.
    Reset,
    /// Stay with the first hub.
    Never,
}

/// `allocationPolicy`: <https://learn.microsoft.com/azure/iot-dps/how-to-use-allocation-policies>.
#[derive(Clone, Debug)]
pub(crate) enum Policy {
    /// Spread by weight. Also what an enrollment without a policy gets.
    Hashed,
    /// The hub with the lowest latency. Here all have the same, and then the service goes by weight.
    GeoLatency,
    /// Always this hub.
    Static(String),
    /// The hub that a webhook answers.
    Custom(Uri),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Enrollments {
    individual: BTreeMap<String, Arc<Enrollment>>,
    groups: Vec<Arc<Enrollment>>,
}

impl Enrollments {
    /// Adds `enrollment`, unless there is one with its id; then nothing changes and the answer is `false`.
    pub(crate) fn add(&mut self, enrollment: Enrollment) -> bool {
        let id = fold(&enrollment.id);
        match enrollment.kind {
            Kind::Individual if self.individual.contains_key(&id) => return false,
            Kind::Group if self.groups.iter().any(|group| fold(&group.id) == id) => return false,
            Kind::Individual => drop(self.individual.insert(id, Arc::new(enrollment))),
            Kind::Group => self.groups.push(Arc::new(enrollment)),
        }
        true
    }

    /// All of them: the groups in the order of the file, then the devices by their ids.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Enrollment>> {
        self.groups.iter().chain(self.individual.values())
    }

    /// All of them, to be changed.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Enrollment> {
        self.groups.iter_mut().chain(self.individual.values_mut()).map(Arc::make_mut)
    }

    /// That of one device alone.
    pub(crate) fn individual(&self, registration_id: &str) -> Option<&Arc<Enrollment>> {
        self.individual.get(&fold(registration_id))
    }

    /// The enrollment groups, in the order of the file.
    pub(crate) fn groups(&self) -> &[Arc<Enrollment>] {
        &self.groups
    }
}

impl fmt::Display for Enrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Group => write!(f, "enrollment group {}", self.id),
            Kind::Individual => write!(f, "individual enrollment {}", self.id),
        }
    }
}

impl fmt::Display for Policy {
    /// The policy's name in the REST API, and where it leads. A webhook's query is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hashed => f.write_str("hashed"),
            Self::GeoLatency => f.write_str("geoLatency"),
            Self::Static(hub) => write!(f, "static, {hub}"),
            Self::Custom(uri) => write!(f, "custom, {}", redacted(uri)),
        }
    }
}

/// The URL of a webhook with `****` in place of its query, as the service shows it.
pub(crate) fn redacted(uri: &Uri) -> String {
    let text = uri.to_string();
    match text.split_once('?') {
        Some((front, _)) => format!("{front}?****"),
        None => text,
    }
}
