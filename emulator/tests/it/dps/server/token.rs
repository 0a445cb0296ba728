//! Keys and SAS tokens, made by the tests' own code.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::SCOPE;

/// The group’s primary key. Made up: 64 times the letter G.
pub(crate) fn group_key() -> String {
    STANDARD.encode([b'G'; 64])
}

/// HMAC-SHA256 (RFC 2104), written out: the stand-in's own is not what checks it.
pub(crate) fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::digest([block.map(|byte| byte ^ 0x36).as_slice(), text].concat());
    Sha256::digest([block.map(|byte| byte ^ 0x5c).as_slice(), inner.as_slice()].concat()).into()
}

/// The key of a device of the group.
pub(crate) fn device_key(registration_id: &str) -> [u8; 32] {
    hmac(&[b'G'; 64], registration_id.as_bytes())
}

/// Seconds since 1970, an hour from now.
pub(crate) fn in_an_hour() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600
}

/// The signature over `sr` as it stands, percent-encoded with `%2B`, `%2F`, `%3D`.
pub(crate) fn signature(key: &[u8], sr: &str, expiry: u64) -> String {
    let signature = STANDARD.encode(hmac(key, format!("{sr}\n{expiry}").as_bytes()));
    signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// A token for a device of the group, in the form of the Python SDK.
pub(crate) fn token(registration_id: &str) -> String {
    let sr = format!("{SCOPE}%2Fregistrations%2F{registration_id}");
    let expiry = in_an_hour();
    let signature = signature(&device_key(registration_id), &sr, expiry);
    format!("SharedAccessSignature sr={sr}&sig={signature}&se={expiry}")
}
