//! The credential of a device with a symmetric key: a shared access signature (SAS) token.
//!
//! `SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=registration`, as
//! <https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation#detailed-attestation-process>
//! describes it. The fields come in any order; `skn` may be empty or absent.
//!
//! The signature is over the *text* of `sr` and `se` as sent. That matters: the C SDK escapes `/` as
//! `%2f`, the Python SDK as `%2F`, and the Node and Java SDKs not at all, and each signs what it sends.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::quoted::quoted;
use symmetric_key::SymmetricKey;

/// A token's fields, its signature not checked yet.
#[derive(Clone)]
pub(crate) struct SasToken {
    /// `sr` and `se` as sent, a line feed between them: what the signature is over.
    signed: String,
    /// `sr`, percent-decoded: `{id scope}/registrations/{registration id}`.
    resource: String,
    /// `se`: seconds since 1970.
    expiry: u64,
    signature: Vec<u8>,
}

/// Why a token is refused: which part differs, never a signature or a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum SasRefusal {
    /// It is not in the form of a token.
    #[error("the SAS token is malformed: {0}")]
    Malformed(&'static str),
    /// The part of `sr` does not name the scope, or the device, that the token came with.
    #[error("the SAS token is for another resource: expected the {part} {} in its sr, found {}", quoted(.expected), quoted(.found))]
    Resource { part: &'static str, found: String, expected: String },
    /// `se` is past, since so many seconds.
    #[error("the SAS token expired {0} s ago")]
    Expired(u64),
}

impl SasToken {
    /// Reads the fields of `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, SasRefusal> {
        const SCHEME: &str = "SharedAccessSignature";
        let text = text.trim();
        let fields = match text.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) && rest.starts_with(' ') => {
                rest.trim_start()
            }
            _ => return Err(SasRefusal::Malformed("it does not begin with \"SharedAccessSignature \"")),
        };

        let (mut sr, mut sig, mut se) = (None, None, None);
        for field in fields.split('&') {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let slot = match name {
                "sr" => &mut sr,
                "sig" => &mut sig,
                "se" => &mut se,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(SasRefusal::Malformed("one of the fields sr, sig and se appears twice"));
            }
        }
        let sr = sr.ok_or(SasRefusal::Malformed("the field sr (resource) is missing"))?;
        let sig = sig.ok_or(SasRefusal::Malformed("the field sig (signature) is missing"))?;
        let se = se.ok_or(SasRefusal::Malformed("the field se (expiry) is missing"))?;

        let resource = percent_decode_str(sr)
            .decode_utf8()
            .map_err(|_| SasRefusal::Malformed("sr (resource) is not UTF-8 when percent-decoded"))?;
        let signature = STANDARD
            .decode(percent_decode_str(sig).collect::<Vec<u8>>())
            .map_err(|_| SasRefusal::Malformed("sig (signature) is not base64 when percent-decoded"))?;
        let expiry = se
            .parse()
            .map_err(|_| SasRefusal::Malformed("se (expiry) is not a whole number of seconds since 1970"))?;
        Ok(Self { signed: format!("{sr}\n{se}"), resource: resource.into_owned(), expiry, signature })
    }

    /// Checks everything but the signature: the resource is this scope and device, whatever the case of
    /// the letters, and the token is valid at `now` (seconds since 1970).
    pub(crate) fn check(&self, id_scope: &str, registration_id: &str, now: u64) -> Result<(), SasRefusal> {
        let mut parts = self.resource.splitn(3, '/');
        let resource = [
            ("id scope", id_scope),
            ("second segment", "registrations"),
            ("registration id", registration_id),
        ];
        for (part, expected) in resource {
            let found = parts.next().unwrap_or_default();
            if !found.eq_ignore_ascii_case(expected) {
                let (found, expected) = (found.to_owned(), expected.to_owned());
                return Err(SasRefusal::Resource { part, found, expected });
            }
        }
        if self.expiry <= now {
            return Err(SasRefusal::Expired(now - self.expiry));
        }
        Ok(())
    }

    /// Whether `key` made the signature. Takes as long for a signature that is nearly right as for any other.
    pub(crate) fn is_signed_with(&self, key: &SymmetricKey) -> bool {
        key.sign(self.signed.as_bytes()).ct_eq(&self.signature).into()
    }
}

impl fmt::Debug for SasToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken")
            .field("resource", &self.resource)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}
