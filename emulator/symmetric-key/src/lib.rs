//! Symmetric keys: those of an enrollment, and the device keys derived from a group's.
//!
//! Rule and examples:
//! <https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation#group-enrollments>

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use thiserror::Error;

/// A symmetric key of 16 to 64 bytes. A secret: `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct SymmetricKey(Vec<u8>);

/// Why a text is not a symmetric key. The message never repeats the text, which is a secret.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// It is not base64.
    #[error("expected a symmetric key in base64, found invalid base64")]
    NotBase64,
    /// It is base64 of so many bytes, which is not 16 to 64.
    #[error("expected a symmetric key of 16 to 64 bytes, found {0} bytes")]
    Length(usize),
}

impl SymmetricKey {
    /// The key of one device of the group whose key this is: HMAC-SHA256 of the registration id.
    #[must_use]
    pub fn derive(&self, registration_id: &str) -> Self {
        Self(self.sign(registration_id.as_bytes()))
    }

    /// HMAC-SHA256 of `text` under this key, 32 bytes.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(text);
        mac.finalize().into_bytes().to_vec()
    }

    /// The key as base64, the form in which a device is configured with it. A secret, not for the log.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

impl FromStr for SymmetricKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let key = STANDARD.decode(text.trim()).map_err(|_| KeyError::NotBase64)?;
        match key.len() {
            16..=64 => Ok(Self(key)),
            other => Err(KeyError::Length(other)),
        }
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(hidden)")
    }
}
