//! The built-in policies `hashed` and `geoLatency`.

use sha2::{Digest as _, Sha256};

use crate::enrollments::linked_hub::Hub;
use crate::registration_id::fold;

/// The hub among `hubs` that the hash of `registration_id` says, each as often as its weight says.
///
/// Rendezvous hashing: a hub that is added or removed moves no device between the others.
pub(crate) fn hashed(registration_id: &str, hubs: &[Hub]) -> String {
    let id = fold(registration_id);
    let score = |hub: &Hub| {
        let digest = Sha256::digest(format!("{id}\n{}", fold(&hub.name)));
        let bits = digest.iter().take(6).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        // 48 bits: exact as a float. Neither 0 nor 1, so that the logarithm is negative and finite.
        #[expect(clippy::cast_precision_loss, reason = "48 bits fit")]
        let uniform = (bits as f64 + 0.5) / (1_u64 << 48) as f64;
        -uniform.ln() / f64::from(hub.weight)
    };
    let best = hubs.iter().min_by(|one, other| score(one).total_cmp(&score(other)));
    best.map_or_else(String::new, |hub| hub.name.clone())
}
