//! Which registration ids and device ids are valid.

/// The most characters of an id:
/// <https://learn.microsoft.com/azure/iot-dps/concepts-service#registration-id>.
const LONGEST: usize = 128;

/// The rule for registration ids and enrollment group ids, for messages.
pub const RULE: &str = "expected an id of 1 to 128 letters, digits, '-', '.', '_' \
     and ':', the last of them a letter, a digit or '-'";

/// Whether `id` can be a registration id or the id of an enrollment group: [`RULE`].
pub fn is_id(id: &str) -> bool {
    id.len() <= LONGEST
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte))
        && id.bytes().last().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether `id` can be the id of a device in an IoT hub:
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry#device-identity-properties>.
pub fn is_device_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= LONGEST
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.%_*?!(),:=@$'+#".contains(&byte))
}

/// The form under which ids that differ in the case of their letters are one and the same.
pub fn fold(id: &str) -> String {
    id.to_ascii_lowercase()
}
