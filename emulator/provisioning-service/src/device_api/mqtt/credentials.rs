//! What a CONNECT says about the device.
//!
//! Source: <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>: the client id is the registration
//! id, the username `{idScope}/registrations/{registrationId}/api-version=…[&ClientVersion=…]`, the password a
//! SAS token.

use std::fmt;

use mqttbytes::v4::{Connect, ConnectReturnCode};

use crate::quoted::quoted;

/// Who a device claims to be, and its proof.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The provisioning instance it asks for.
    pub(crate) id_scope: String,
    /// Its registration id, as in the username.
    pub(crate) registration_id: String,
    /// The SAS token, if it has one.
    pub(crate) sas: Option<String>,
}

/// A CONNECT that is refused before its token is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    /// What the device is told.
    pub(crate) code: ConnectReturnCode,
    /// What the log is told.
    pub(crate) why: String,
}

// === impl Credentials ===

impl Credentials {
    /// Reads what `connect` says. Any api-version and any client version will do.
    ///
    /// # Errors
    ///
    /// Return code 4 if the username has another shape, 2 if the client id is another than the registration id.
    pub(crate) fn read(connect: &Connect) -> Result<Self, Refused> {
        let (username, password) = match &connect.login {
            Some(login) => (login.username.as_str(), login.password.as_str()),
            None => ("", ""),
        };
        let (id_scope, registration_id) = identity(username).ok_or_else(|| Refused {
            code: ConnectReturnCode::BadUserNamePassword,
            why: format!(
                "expected the username {{idScope}}/registrations/{{registrationId}}/api-version=…, found {}",
                quoted(username)
            ),
        })?;
        // Registration ids are the same whatever their case.
        if !connect.client_id.eq_ignore_ascii_case(registration_id) {
            return Err(Refused {
                code: ConnectReturnCode::BadClientId,
                why: format!(
                    "expected the registration id of the username, {}, as the client id, found {}",
                    quoted(registration_id),
                    quoted(&connect.client_id)
                ),
            });
        }
        Ok(Self {
            id_scope: id_scope.to_owned(),
            registration_id: registration_id.to_owned(),
            sas: Some(password).filter(|password| !password.is_empty()).map(str::to_owned),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}/{}, token hidden)", self.id_scope, self.registration_id)
    }
}

/// The id scope and the registration id of a username.
fn identity(username: &str) -> Option<(&str, &str)> {
    let (id_scope, rest) = username.split_once("/registrations/")?;
    let (registration_id, query) = rest.split_once('/')?;
    let api_version = query.split('&').find_map(|pair| pair.strip_prefix("api-version="))?;
    let said = ![id_scope, registration_id, api_version].contains(&"") && !id_scope.contains('/');
    said.then_some((id_scope, registration_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(client_id: &str, username: &str) -> Result<Credentials, Refused> {
        let mut connect = Connect::new(client_id);
        connect.set_login(username, "SharedAccessSignature sr=x&sig=y&se=1");
        Credentials::read(&connect)
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
            "0ne00ABCDEF/registrations//api-version=2019-03-31",
            "/registrations/dev1/api-version=2019-03-31",
            "a/b/registrations/dev1/api-version=2019-03-31",
            "hub.azure-devices.net/dev1/?api-version=2021-04-12",
        ];
        for username in table {
            assert_eq!(read("dev1", username).unwrap_err().code, ConnectReturnCode::BadUserNamePassword);
        }
    }

    #[test]
    fn the_client_id_is_the_registration_id_in_any_case() {
        let username = "0ne00ABCDEF/registrations/Dev-1/api-version=2019-03-31";
        assert_eq!(read("dEV-1", username).unwrap().registration_id, "Dev-1");
        for client_id in ["", "dev-2", "dev-1 "] {
            assert_eq!(read(client_id, username).unwrap_err().code, ConnectReturnCode::BadClientId);
        }
    }
}
