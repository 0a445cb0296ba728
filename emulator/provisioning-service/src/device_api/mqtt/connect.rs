//! What a CONNECT says about the device.
//!
//! Source: <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>: the client id is the registration
//! id, the username `{idScope}/registrations/{registrationId}/api-version=…[&ClientVersion=…]`, the password a
//! SAS token.

use mqtt_protocol_core::mqtt::connection::RawPacket;
use mqtt_protocol_core::mqtt::packet::v3_1_1::Connect;
use mqtt_protocol_core::mqtt::result_code::ConnectReturnCode;

use crate::api_version;
use crate::device_api::mqtt::stream::{End, invalid, unexpected};
use crate::quoted::quoted;

/// The CONNECT that `raw` is. The version comes before the rest, which differs among versions.
pub(crate) fn parse(raw: &RawPacket) -> Result<Connect, End> {
    if (raw.packet_type(), raw.flags()) != (1, 0) {
        return Err(unexpected("a CONNECT first", raw));
    }
    let found = match raw.data_as_slice() {
        [0, 4, b'M', b'Q', b'T', b'T', 4, flags, ..] if flags & 1 == 0 => {
            return raw.parse_exact(Connect::parse).map_err(|_| invalid("a malformed CONNECT"));
        }
        [0, 4, b'M', b'Q', b'T', b'T', 4, ..] => {
            return Err(invalid("the reserved flag of a CONNECT is set"));
        }
        [0, 4, b'M', b'Q', b'T', b'T', 5, ..] => "MQTT 5".to_owned(),
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] => format!("protocol level {level}"),
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..] => "MQTT 3.1".to_owned(),
        _ => return Err(invalid("expected a CONNECT with the protocol name MQTT")),
    };
    let why = format!("expected MQTT 3.1.1 (protocol level 4), found {found}");
    Err(End::Refused(ConnectReturnCode::UnacceptableProtocolVersion, why))
}

/// The id scope and the registration id of `connect`, checked for their form. Any client version will do.
pub(crate) fn ids(connect: &Connect) -> Result<(&str, &str), End> {
    let username = connect.user_name().unwrap_or_default();
    let bad_username = |expected: &str, found: &str| {
        let why = format!("expected {expected}, found {}", quoted(found));
        End::Refused(ConnectReturnCode::BadUserNameOrPassword, why)
    };
    let form = "the username {idScope}/registrations/{registrationId}/api-version=…";
    let (id_scope, id, version) = parts(username).ok_or_else(|| bad_username(form, username))?;
    if !api_version::is_version(version) {
        let expected = format!("{} in the username of {}", api_version::EXPECTED, quoted(id));
        return Err(bad_username(&expected, version));
    }
    // Registration ids are the same whatever their case.
    if !connect.client_id().eq_ignore_ascii_case(id) {
        let (id, found) = (quoted(id), quoted(connect.client_id()));
        let why =
            format!("expected the registration id of the username, {id}, as the client id, found {found}");
        return Err(End::Refused(ConnectReturnCode::IdentifierRejected, why));
    }
    Ok((id_scope, id))
}

/// The id scope, the registration id and the api-version of a username.
fn parts(username: &str) -> Option<(&str, &str, &str)> {
    let (id_scope, rest) = username.split_once("/registrations/")?;
    let (registration_id, query) = rest.split_once('/')?;
    let version = query.split('&').find_map(|pair| pair.strip_prefix("api-version="))?;
    let complete = !id_scope.is_empty() && !registration_id.is_empty() && !id_scope.contains('/');
    complete.then_some((id_scope, registration_id, version))
}
