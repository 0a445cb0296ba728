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

use crate::attestation::sas_token::SasToken;
use crate::registration_id::fold;
use symmetric_key::SymmetricKey;

/// One enrollment group or individual enrollment.
#[derive(Clone, Debug)]
pub(crate) struct Enrollment {
    /// Whether it is for a group or for one device.
    pub(crate) kind: Kind,
    /// The group's id, or the registration id of the one device.
    pub(crate) id: String,
    /// The primary key, and the secondary if there is one.
    pub(crate) keys: Vec<SymmetricKey>,
    /// `provisioningStatus`: `false` for `disabled`.
    pub(crate) enabled: bool,
    /// The device id in the hub, where it is not the registration id. Individual enrollments only.
    pub(crate) device_id: Option<String>,
    /// What happens to a device that registers again.
    pub(crate) reprovision: Reprovision,
    /// How a hub is chosen.
    pub(crate) policy: Policy,
    /// The hubs to choose from: those selected here, or all linked ones if none is.
    pub(crate) hubs: Vec<Hub>,
    /// The twin a device begins with, where the policy gives none.
    pub(crate) initial_twin: Option<Box<RawValue>>,
    /// The record as the webhook is given it: JSON without keys, and with a redacted webhook URL.
    pub(crate) record: Box<RawValue>,
}

/// Which of the two kinds of enrollment.
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

/// A hub to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hub {
    /// Its host name.
    pub(crate) name: String,
    /// `allocationWeight`, 1 to 1000: its share under the hashed policy.
    pub(crate) weight: u32,
}

/// All enrollments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Enrollments {
    individual: BTreeMap<String, Arc<Enrollment>>,
    groups: Vec<Arc<Enrollment>>,
}

/// The enrollment that a token's signature matches.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(crate) enrollment: Arc<Enrollment>,
    /// `primary key` or `secondary key`.
    pub(crate) key: &'static str,
}

/// Why no enrollment accepts a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoMatch {
    /// The device has an individual enrollment, and the signature matches neither of its keys.
    WrongKey,
    /// It has none, and the signature was made with the key of this group instead of one derived from it.
    NotDerived(String),
    /// It has none, and the signature matches no key derived from those of this many groups.
    NoGroup(usize),
}

// === impl Enrollment ===

impl Enrollment {
    /// Which key made the signature of `token`: `primary key` or `secondary key`.
    ///
    /// A group's device key is derived from the registration id as the device spells it. Ids are the same
    /// whatever the case of their letters, but keys are not, so the lower-case spelling is tried as well.
    fn key_of(&self, token: &SasToken, registration_id: &str) -> Option<&'static str> {
        let names = ["primary key", "secondary key"];
        let folded = fold(registration_id);
        let signed = |key: &SymmetricKey| match self.kind {
            Kind::Individual => token.is_signed_with(key),
            Kind::Group => {
                token.is_signed_with(&key.derive(registration_id))
                    || (folded != registration_id && token.is_signed_with(&key.derive(&folded)))
            }
        };
        self.keys.iter().zip(names).find_map(|(key, name)| signed(key).then_some(name))
    }
}

// === impl Enrollments ===

impl Enrollments {
    /// Adds `enrollment`, unless there is one with its id; then nothing changes and the answer is `false`.
    pub(crate) fn add(&mut self, enrollment: Enrollment) -> bool {
        let id = fold(&enrollment.id);
        let taken = match enrollment.kind {
            Kind::Individual => self.individual.contains_key(&id),
            Kind::Group => self.groups.iter().any(|group| fold(&group.id) == id),
        };
        if taken {
            return false;
        }
        match enrollment.kind {
            Kind::Individual => {
                self.individual.insert(id, Arc::new(enrollment));
            }
            Kind::Group => self.groups.push(Arc::new(enrollment)),
        }
        true
    }

    /// All of them: the groups in the order of the file, then the devices by their ids.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Enrollment>> {
        self.groups.iter().chain(self.individual.values())
    }

    /// The enrollment whose key made the signature of `token`: the device's own if it has one, otherwise
    /// the first group. A device with an individual enrollment never falls back to a group:
    /// <https://learn.microsoft.com/azure/iot-dps/concepts-service#individual-enrollment>.
    pub(crate) fn find(&self, token: &SasToken, registration_id: &str) -> Result<Match, NoMatch> {
        let matching = |enrollment: &Arc<Enrollment>| {
            let key = enrollment.key_of(token, registration_id)?;
            Some(Match { enrollment: Arc::clone(enrollment), key })
        };
        match self.individual.get(&fold(registration_id)) {
            Some(own) => matching(own).ok_or(NoMatch::WrongKey),
            None => self.groups.iter().find_map(matching).ok_or_else(|| self.no_group(token)),
        }
    }

    /// Why no group accepts `token`.
    fn no_group(&self, token: &SasToken) -> NoMatch {
        let signer = self.groups.iter().find(|group| group.keys.iter().any(|key| token.is_signed_with(key)));
        signer.map_or(NoMatch::NoGroup(self.groups.len()), |group| NoMatch::NotDerived(group.id.clone()))
    }
}

// === impl Display ===

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

impl fmt::Display for NoMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKey => f.write_str(
                "the sig (signature) of the SAS token matches neither key of its individual enrollment",
            ),
            Self::NotDerived(group) => write!(
                f,
                "the sig (signature) of the SAS token was made with the key of the enrollment group {group}; \
                 expected the key derived from it for the device"
            ),
            Self::NoGroup(0) => f.write_str("it has no individual enrollment, and there is no enrollment group"),
            Self::NoGroup(1) => f.write_str(
                "it has no individual enrollment, and the sig (signature) of the SAS token does not match the key \
                 derived from that of the one enrollment group",
            ),
            Self::NoGroup(groups) => write!(
                f,
                "it has no individual enrollment, and the sig (signature) of the SAS token matches no key \
                 derived from those of the {groups} enrollment groups"
            ),
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
