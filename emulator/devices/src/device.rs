use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;
use symmetric_key::SymmetricKey;
use time::OffsetDateTime;

/// What needs no escape in a segment of a URL: RFC 3986, unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a device knows about itself.
#[derive(Clone, Debug)]
pub struct Device {
    /// The id scope of the DPS instance it belongs to: `0ne00…`.
    pub id_scope: String,
    /// Its registration id.
    pub registration_id: String,
    /// Its own key, not its group's.
    pub key: SymmetricKey,
    /// The custom payload it registers with: JSON, sent as it is.
    pub payload: Option<Box<RawValue>>,
}

impl Device {
    /// The shared access signature with which the device proves that it has its key, valid until `expiry`.
    ///
    /// Form: <https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation#detailed-attestation-process>
    #[must_use]
    pub fn sas_token(&self, expiry: OffsetDateTime) -> String {
        let resource = escaped(&format!("{}/registrations/{}", self.id_scope, self.registration_id));
        let expiry = expiry.unix_timestamp();
        // The signature is over the text as it is sent, escapes included.
        let signature = self.key.sign(format!("{resource}\n{expiry}").as_bytes());
        let signature = escaped(&STANDARD.encode(signature));
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=registration")
    }
}

/// `text` as one segment of a URL's path or one value of its query.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
