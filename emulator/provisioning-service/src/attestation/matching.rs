//! Which enrollment's key signed a token.

use std::sync::Arc;

use symmetric_key::SymmetricKey;
use thiserror::Error;

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
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum NoMatch {
    #[error("the sig (signature) of the SAS token matches neither key of its individual enrollment")]
    WrongKey,
    #[error(
        "the sig (signature) of the SAS token was made with the key of the enrollment group {0}; expected the key \
         derived from it for the device"
    )]
    NotDerived(String),
    #[error(
        "the sig (signature) of the SAS token was made with the key that the enrollment group {0} has for {1}; \
         expected the key of this device"
    )]
    OtherDevice(String, String),
    #[error("no individual enrollment has this registration id, and {}", no_group_matches(.0))]
    NoGroup(Vec<String>),
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
            return NoMatch::OtherDevice(group.id.clone(), registration_id);
        }
    }
    NoMatch::NoGroup(groups.iter().map(|group| group.id.clone()).collect())
}

fn no_group_matches(groups: &[String]) -> String {
    match groups {
        [] => "there is no enrollment group".to_owned(),
        groups => format!(
            "its SAS token is not signed with the key that {} {} derives for it: is the group key or the registration \
             id wrong?",
            if groups.len() == 1 { "the enrollment group" } else { "any of the enrollment groups" },
            groups.join(", ")
        ),
    }
}
