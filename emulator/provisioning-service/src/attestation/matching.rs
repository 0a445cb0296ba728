//! Which enrollment a SAS token belongs to: the one whose key made its signature.

use std::fmt;
use std::sync::Arc;

use symmetric_key::SymmetricKey;

use crate::attestation::sas_token::SasToken;
use crate::enrollments::enrollment::{Enrollment, Enrollments, Kind};
use crate::registration_id::fold;

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

/// The enrollment whose key made the signature of `token`: the device's own if it has one, otherwise
/// the first group. A device with an individual enrollment never falls back to a group:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-service#individual-enrollment>.
pub(crate) fn find(
    enrollments: &Enrollments,
    token: &SasToken,
    registration_id: &str,
) -> Result<Match, NoMatch> {
    let matching = |enrollment: &Arc<Enrollment>| {
        let key = key_of(enrollment, token, registration_id)?;
        Some(Match { enrollment: Arc::clone(enrollment), key })
    };
    match enrollments.individual(registration_id) {
        Some(own) => matching(own).ok_or(NoMatch::WrongKey),
        None => enrollments.groups().iter().find_map(matching).ok_or_else(|| no_group(enrollments, token)),
    }
}

/// Which key of `enrollment` made the signature of `token`: `primary key` or `secondary key`.
///
/// A group's device key is derived from the registration id as the device spells it. Ids are the same
/// whatever the case of their letters, but keys are not, so the lower-case spelling is tried as well.
fn key_of(enrollment: &Enrollment, token: &SasToken, registration_id: &str) -> Option<&'static str> {
    let names = ["primary key", "secondary key"];
    let folded = fold(registration_id);
    let signed = |key: &SymmetricKey| match enrollment.kind {
        Kind::Individual => token.is_signed_with(key),
        Kind::Group => {
            token.is_signed_with(&key.derive(registration_id))
                || (folded != registration_id && token.is_signed_with(&key.derive(&folded)))
        }
    };
    enrollment.keys.iter().zip(names).find_map(|(key, name)| signed(key).then_some(name))
}

/// Why no group accepts `token`.
fn no_group(enrollments: &Enrollments, token: &SasToken) -> NoMatch {
    let groups = enrollments.groups();
    let signer = groups.iter().find(|group| group.keys.iter().any(|key| token.is_signed_with(key)));
    signer.map_or(NoMatch::NoGroup(groups.len()), |group| NoMatch::NotDerived(group.id.clone()))
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
