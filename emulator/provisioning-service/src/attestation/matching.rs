//! Which enrollment's key signed a token.

use std::fmt;
use std::sync::Arc;

use symmetric_key::SymmetricKey;

use crate::attestation::sas_token::SasToken;
use crate::enrollments::enrollment::{Enrollment, Enrollments, Kind};
use crate::registration_id::fold;

/// Devices of Microsoft's tutorial, whose keys its editions print for one another:
/// <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.
const DOCUMENTED: [&str; 4] = [
    "breakroom499-contoso-tstrsd-007",
    "mainbuilding167-contoso-hpsd-088",
    "contoso-toaster-007",
    "contoso-heatpump-088",
];

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
    /// It has none, and the signature was made with the key that this group has for another device.
    OtherDevice { group: String, registration_id: String },
    /// It has none, and the signature matches no key derived from those of this many groups.
    NoGroup(usize),
}

/// The enrollment whose key made the signature of `token`: the device's own if it has one, otherwise the first group.
/// A device with an individual enrollment never falls back to a group:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-service#individual-enrollment>.
pub(crate) fn find(
    enrollments: &Enrollments,
    token: &SasToken,
    registration_id: &str,
    others: impl FnOnce() -> Vec<String>,
) -> Result<Match, NoMatch> {
    let matching = |enrollment: &Arc<Enrollment>| {
        let key = key_of(enrollment, token, registration_id)?;
        Some(Match { enrollment: Arc::clone(enrollment), key })
    };
    let groups = enrollments.groups();
    match enrollments.individual(registration_id) {
        Some(own) => matching(own).ok_or(NoMatch::WrongKey),
        None => groups.iter().find_map(matching).ok_or_else(|| no_group(groups, token, others())),
    }
}

/// Which key of `enrollment` made the signature of `token`: `primary key` or `secondary key`.
fn key_of(enrollment: &Enrollment, token: &SasToken, registration_id: &str) -> Option<&'static str> {
    let signed = |key: &SymmetricKey| match enrollment.kind {
        Kind::Individual => token.is_signed_with(key),
        Kind::Group => signed_by(key, token, registration_id),
    };
    enrollment
        .keys
        .iter()
        .zip(["primary key", "secondary key"])
        .find_map(|(key, name)| signed(key).then_some(name))
}

/// Whether the key that `group_key` has for the device made the signature of `token`.
///
/// It is derived from the registration id as the device spells it. Ids are the same whatever the case of their letters,
/// but keys are not, so the lower-case spelling is tried as well.
fn signed_by(group_key: &SymmetricKey, token: &SasToken, registration_id: &str) -> bool {
    let folded = fold(registration_id);
    token.is_signed_with(&group_key.derive(registration_id))
        || (folded != registration_id && token.is_signed_with(&group_key.derive(&folded)))
}

/// Why none of `groups` accepts `token`.
fn no_group(groups: &[Arc<Enrollment>], token: &SasToken, others: Vec<String>) -> NoMatch {
    let others: Vec<_> = DOCUMENTED.map(str::to_owned).into_iter().chain(others).collect();
    for group in groups {
        if group.keys.iter().any(|key| token.is_signed_with(key)) {
            return NoMatch::NotDerived(group.id.clone());
        }
        let signed = |other: &&String| group.keys.iter().any(|key| signed_by(key, token, other));
        if let Some(registration_id) = others.iter().find(signed).cloned() {
            return NoMatch::OtherDevice { group: group.id.clone(), registration_id };
        }
    }
    NoMatch::NoGroup(groups.len())
}

// === impl Display ===

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
            Self::OtherDevice { group, registration_id } => write!(
                f,
                "the sig (signature) of the SAS token was made with the key that the enrollment group {group} has for \
                 {registration_id}; expected the key of this device"
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
