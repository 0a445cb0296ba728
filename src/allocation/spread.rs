//! Devices spread over hubs, by weight.

use std::cmp::Ordering;

use siphasher::sip::SipHasher24;

/// The key of the hash, for good: with another one every device would move.
const KEY: &[u8; 16] = b"dps-custom-alloc";
/// Stands between the two names that are hashed; no UTF-8 text contains it.
const BETWEEN: u8 = 0xff;

/// Spreads devices over `hubs` by their registration ids: the index of the hub that this device belongs
/// to, or `None` when there is none to choose.
///
/// Hub `i` gets a share of the devices in proportion to `weight(i)`. A hub whose weight is 0 is never
/// chosen; a negative, infinite or undefined (NaN) weight counts as 0.
///
/// The same hubs, weights and registration id give the same hub, today and in every later version, in
/// whatever order the hubs come. A hub that is added takes over its share and moves no other device; a hub
/// that is removed moves its own devices and no other; a changed weight moves as few. A hub that is listed
/// twice counts once, with the larger weight. Letters A to Z count as a to z, because neither host names nor
/// [registration ids](https://learn.microsoft.com/azure/iot-dps/concepts-service#registration-id) are
/// case-sensitive.
///
/// # How
///
/// Weighted rendezvous hashing: of all hubs the one with the highest score `weight / -ln(h)`. `h`, in
/// (0, 1), is `(⌊hash / 2¹²⌋ + ½) / 2⁵²`. `hash` is SipHash-2-4 with the key `dps-custom-alloc` (16 bytes
/// of ASCII) of the hub's name, the byte 255, and the registration id, both in lower case, as UTF-8. `ln` is
/// that of `libm`, which rounds alike on every platform. Of equal scores the hub whose name sorts first wins.
///
/// <https://en.wikipedia.org/wiki/Rendezvous_hashing#Weighted_rendezvous_hash>,
/// <https://www.aumasson.jp/siphash/siphash.pdf>
#[must_use]
pub fn spread(hubs: &[&str], weight: impl Fn(usize) -> f64, registration_id: &str) -> Option<usize> {
    let score = |(at, hub): (usize, &&str)| {
        let weight = weight(at);
        (weight > 0.0 && weight.is_finite()).then(|| (weight / -libm::log(draw(hub, registration_id)), at))
    };
    let best = hubs.iter().enumerate().filter_map(score).max_by(|(one, a), (other, b)| {
        // Names are unique where it matters: of equal names either index means the same hub.
        one.total_cmp(other).then_with(|| by_name(hubs[*b], hubs[*a]))
    })?;
    Some(best.1)
}

/// A number in (0, 1) that hub and device draw together.
fn draw(hub: &str, registration_id: &str) -> f64 {
    let mut bytes = Vec::with_capacity(hub.len() + 1 + registration_id.len());
    bytes.extend(hub.bytes().map(|byte| byte.to_ascii_lowercase()));
    bytes.push(BETWEEN);
    bytes.extend(registration_id.bytes().map(|byte| byte.to_ascii_lowercase()));
    let hash = SipHasher24::new_with_key(KEY).hash(&bytes);
    // 52 bits and a half fit a double exactly, so that neither 0 nor 1 can come out.
    #[allow(clippy::cast_precision_loss, reason = "52 bits")]
    let bits = (hash >> 12) as f64;
    (bits + 0.5) / (1_u64 << 52) as f64
}

fn by_name(one: &str, other: &str) -> Ordering {
    let lower = |name: &str| name.to_ascii_lowercase();
    lower(one).cmp(&lower(other)).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUBS: [&str; 3] =
        ["contoso-a.azure-devices.net", "contoso-b.azure-devices.net", "contoso-c.azure-devices.net"];

    /// Computed by an implementation of another's in another language. A change here moves devices.
    #[test]
    #[allow(clippy::float_cmp, reason = "to the last bit")]
    fn what_is_drawn_is_fixed_for_good() {
        for (hub, registration_id, drawn) in [
            ("", "", 0.882_749_851_734_446_2),
            (HUBS[0], "contoso-toaster-007", 0.233_686_182_295_874_35),
            ("Contoso-A.azure-devices.net", "CONTOSO-TOASTER-007", 0.233_686_182_295_874_35),
            (HUBS[1], "contoso-toaster-007", 0.088_181_862_874_130_55),
        ] {
            assert_eq!(draw(hub, registration_id), drawn, "{hub:?} {registration_id:?}");
        }
    }

    #[test]
    fn where_devices_go_is_fixed_for_good() {
        for (weights, hubs) in [
            ([1.0, 1.0, 1.0], "0120101212020202210211120200200200222021"),
            ([1.0, 2.0, 4.0], "0120221212222222210211220220220201222221"),
        ] {
            let chosen = (0..40).map(|n| spread(&HUBS, |hub| weights[hub], &format!("device-{n}")));
            let chosen: String = chosen.map(|hub| hub.unwrap().to_string()).collect();
            assert_eq!(chosen, hubs, "{weights:?}");
        }
    }
}
