//! Attestation: whether a device is who it says it is, and by which enrollment.
//!
//! A device with a symmetric key shows a SAS token (`sas_token`), signed with a key of an enrollment (`matching`):
//! <https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation>.

mod matching;
mod sas_token;

use std::time::SystemTime;

use crate::enrollments::enrollment::Enrollments;
use crate::quoted::quoted;
use crate::registration_id;

pub(crate) use self::matching::Match;
use self::sas_token::SasToken;

/// What is expected of a device that shows no token.
pub(crate) const NO_TOKEN: &str =
    "no SAS token: X.509 and TPM attestation are not supported yet; expected a SAS token, of a symmetric key";

/// The enrollment of the device that calls itself `registration_id` in `id_scope` and shows the token `sas`.
///
/// `served` is the id scope of the instance, and `others` are ids of other devices, to name the one whose key was used.
/// Errors: for the log, and never a signature or a key: the scope is another, the id is invalid, or the token is missing, malformed, expired, for another device, or signed
/// with another key.
pub(crate) fn attest(
    enrollments: &Enrollments,
    served: &str,
    id_scope: &str,
    registration_id: &str,
    sas: Option<&str>,
    others: impl FnOnce() -> Vec<String>,
) -> Result<Match, String> {
    if !registration_id::is_id(registration_id) {
        return Err(format!("invalid registration id: {}", registration_id::RULE));
    }
    if !id_scope.eq_ignore_ascii_case(served) {
        return Err(format!("expected the id scope {}, found {}", quoted(served), quoted(id_scope)));
    }
    let sas = sas.ok_or(NO_TOKEN)?;
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let token = SasToken::parse(sas).and_then(|token| {
        token.check(id_scope, registration_id, now)?;
        Ok(token)
    });
    let token = token.map_err(|problem| problem.to_string())?;
    matching::find(enrollments, &token, registration_id, others).map_err(|reason| reason.to_string())
}
