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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn hub(name: &str, weight: u32) -> Hub {
        Hub { name: name.to_owned(), weight, apply_allocation_policy: true }
    }

    #[test]
    fn hashing_follows_the_weights() {
        let hubs = [hub("a", 1), hub("b", 2), hub("c", 7)];
        let mut counts: HashMap<String, u32> = HashMap::new();
        for nth in 0..10_000 {
            *counts.entry(hashed(&format!("device-{nth}"), &hubs)).or_default() += 1;
        }
        for (name, expected) in [("a", 1_000), ("b", 2_000), ("c", 7_000)] {
            let count = counts[name];
            assert!(count.abs_diff(expected) < 200, "{name} got {count} of 10,000 devices");
        }
    }

    #[test]
    fn a_further_hub_moves_devices_to_itself_only() {
        let (few, more) = ([hub("a", 1), hub("b", 1)], [hub("a", 1), hub("b", 1), hub("c", 1)]);
        for nth in 0..1_000 {
            let id = format!("Device-{nth}");
            let (before, after) = (hashed(&id, &few), hashed(&id, &more));
            assert!(before == after || after == "c", "{id} moved from {before} to {after}");
            assert_eq!(after, hashed(&id.to_uppercase(), &more), "case of {id}");
        }
    }
}
