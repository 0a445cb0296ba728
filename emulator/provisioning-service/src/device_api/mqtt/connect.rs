//! What a CONNECT says about the device.
//!
//! Source: <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>: the client id is the registration
//! id, the username `{idScope}/registrations/{registrationId}/api-version=…[&ClientVersion=…]`, the password a
//! SAS token.

use std::fmt;

use mqtt_protocol_core::mqtt::packet::v3_1_1::Connect;
use mqtt_protocol_core::mqtt::result_code::ConnectReturnCode;

use crate::api_version;
use crate::quoted::quoted;

/// Who a device claims to be, and its token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The provisioning instance it asks for.
    pub(crate) id_scope: String,
    /// Its registration id, as in the username.
    pub(crate) registration_id: String,
    /// The SAS token, if it has one.
    pub(crate) sas: Option<String>,
}

// === impl Credentials ===

impl Credentials {
    /// Reads what `connect` says. Any client version will do.
    ///
    /// # Errors
    ///
    /// The return code for the device, and the reason for the log: 4 if the username has another shape, 2 if the
    /// client id is another than the registration id.
    pub(crate) fn read(connect: &Connect) -> Result<Self, (ConnectReturnCode, String)> {
        let username = connect.user_name().unwrap_or_default();
        let (id_scope, registration_id, version) = parts(username).ok_or_else(|| {
            let why = format!(
                "expected the username {{idScope}}/registrations/{{registrationId}}/api-version=…, found {}",
                quoted(username)
            );
            (ConnectReturnCode::BadUserNameOrPassword, why)
        })?;
        if !api_version::is_version(version) {
            let why =
                format!("expected {} in the username, found {}", api_version::EXPECTED, quoted(version));
            return Err((ConnectReturnCode::BadUserNameOrPassword, why));
        }
        // Registration ids are the same whatever their case.
        if !connect.client_id().eq_ignore_ascii_case(registration_id) {
            let why = format!(
                "expected the registration id of the username, {}, as the client id, found {}",
                quoted(registration_id),
                quoted(connect.client_id())
            );
            return Err((ConnectReturnCode::IdentifierRejected, why));
        }
        let sas = connect.password().filter(|password| !password.is_empty());
        Ok(Self {
            id_scope: id_scope.to_owned(),
            registration_id: registration_id.to_owned(),
            sas: sas.map(|sas| String::from_utf8_lossy(sas).into_owned()),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}/{}, token hidden)", self.id_scope, self.registration_id)
    }
}

/// The id scope, the registration id and the api-version of a username.
fn parts(username: &str) -> Option<(&str, &str, &str)> {
    let (id_scope, rest) = username.split_once("/registrations/")?;
    let (registration_id, query) = rest.split_once('/')?;
    let version = query.split('&').find_map(|pair| pair.strip_prefix("api-version="))?;
    let complete = !id_scope.is_empty() && !registration_id.is_empty() && !id_scope.contains('/');
    complete.then_some((id_scope, registration_id, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(client_id: &str, username: &str) -> Result<Credentials, (ConnectReturnCode, String)> {
        let connect = Connect::builder().client_id(client_id).and_then(|connect| connect.user_name(username));
        let connect = connect.and_then(|connect| connect.password("SharedAccessSignature sr=x&sig=y&se=1"));
        Credentials::read(&connect.unwrap().build().unwrap())
    }

    #[test]
    fn usernames_of_the_sdks() {
        let table = [
            "0ne00ABCDEF/registrations/dev1/api-version=2021-06-01&ClientVersion=1.14.0",
            "0ne00ABCDEF/registrations/dev1/api-version=2019-03-31&ClientVersion=azure-iot-device-provisioning-py%2F2.14.0%283.11.7%3BLinux%20%231%29",
            "0ne00ABCDEF/registrations/dev1/api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1",
            "0ne00ABCDEF/registrations/dev1/api-version=2019-03-31&ClientVersion=2019-03-31",
            "0ne00ABCDEF/registrations/dev1/api-version=2019-03-31",
            "0ne00ABCDEF/registrations/dev1/ClientVersion=x&api-version=2025-07-01-preview",
        ];
        for username in table {
            let read = read("dev1", username).unwrap();
            assert_eq!((&*read.id_scope, &*read.registration_id), ("0ne00ABCDEF", "dev1"), "{username}");
            assert_eq!(read.sas.as_deref(), Some("SharedAccessSignature sr=x&sig=y&se=1"));
            assert!(!format!("{read:?}").contains("sig"), "{read:?}");
        }
    }

    #[test]
    fn usernames_of_another_shape_are_refused_with_4() {
        let table = [
            "",
            "dev1",
            "0ne00ABCDEF/registrations/dev1",
            "0ne00ABCDEF/registrations/dev1/",
            "0ne00ABCDEF/registrations/dev1/api-version=",
            "0ne00ABCDEF/registrations/dev1/api-version=banana&ClientVersion=2019-03-31",
            "0ne00ABCDEF/registrations//api-version=2019-03-31",
            "/registrations/dev1/api-version=2019-03-31",
            "a/b/registrations/dev1/api-version=2019-03-31",
            "hub.azure-devices.net/dev1/?api-version=2021-04-12",
        ];
        for username in table {
            assert_eq!(read("dev1", username).unwrap_err().0, ConnectReturnCode::BadUserNameOrPassword);
        }
    }

    #[test]
    fn the_client_id_is_the_registration_id_in_any_case() {
        let username = "0ne00ABCDEF/registrations/Dev-1/api-version=2019-03-31";
        assert_eq!(read("dEV-1", username).unwrap().registration_id, "Dev-1");
        for client_id in ["", "dev-2", "dev-1 "] {
            assert_eq!(read(client_id, username).unwrap_err().0, ConnectReturnCode::IdentifierRejected);
        }
    }
}
