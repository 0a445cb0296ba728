use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;

use super::Device;

/// What needs no escape in a URL's segment: RFC 3986, unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How long a token is good for, seconds.
const LIFE: i64 = 3600;

/// The shared access signature with which `device` shows that it knows its key, good for an hour.
///
/// Form: <https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation#detailed-attestation-process>
pub(super) fn token(device: &Device) -> String {
    let resource = escaped(&format!("{}/registrations/{}", device.id_scope, device.registration_id));
    let expiry = OffsetDateTime::now_utc().unix_timestamp() + LIFE;
    // The signature is over the text as it is sent, escapes and all.
    let signature = STANDARD.encode(device.key.sign(format!("{resource}\n{expiry}").as_bytes()));
    format!("SharedAccessSignature sr={resource}&sig={}&se={expiry}&skn=registration", escaped(&signature))
}

/// `text` as one segment of a URL's path or one value of its query.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
