//! The tutorial's enrollment group, hub and devices, whose keys are published as examples:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

use devices::Device;
use serde_json::json;
use serde_json::value::RawValue;
use symmetric_key::SymmetricKey;

/// The ID scope.
pub const ID_SCOPE: &str = "0ne00002193";

/// The enrollment group.
pub const GROUP: &str = "contoso-custom-allocated-devices";

/// The enrollment group's primary key, base64.
pub const GROUP_KEY: &str =
    "oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==";

/// Its secondary key, base64. The tutorial shows none: this is an example of our own.
const SECONDARY_KEY: &str =
    "c2Vjb25kYXJ5IGtleSBvZiB0aGUgdHV0b3JpYWwncyBlbnJvbGxtZW50IGdyb3VwLCBhbiBleGFtcGxlIQ==";

/// The hub that toasters are assigned to.
pub const HUB: &str = "contoso-toasters-hub-1098.azure-devices.net";

/// The device that the policy assigns.
pub const TOASTER: &str = "contoso-toaster-007";

/// The device that the policy refuses.
pub const HEAT_PUMP: &str = "contoso-heatpump-088";

/// What both devices send along.
pub const PAYLOAD: &str = r#"{"MyDeviceFirmwareVersion":"12.0.2.5","MyDeviceProvisioningVersion":"1.0.0.0"}"#;

/// The function of the enrollment group's custom allocation policy.
pub const FUNCTION: &str = "HttpTrigger1";

/// The configuration of a DPS stand-in with this enrollment group, whose devices may go to `hubs` and
/// whose webhook is at `webhook_url`.
#[must_use]
pub fn configuration(hubs: &[String], webhook_url: &str) -> String {
    let group = json!({
        "enrollmentGroupId": GROUP,
        "attestation": {
            "type": "symmetricKey",
            "symmetricKey": { "primaryKey": GROUP_KEY, "secondaryKey": SECONDARY_KEY },
        },
        "capabilities": { "iotEdge": false },
        "etag": "\"e8002126-0000-0100-0000-5f6b2a570000\"",
        "provisioningStatus": "enabled",
        "reprovisionPolicy": { "updateHubAssignment": true, "migrateDeviceData": true },
        "createdDateTimeUtc": "2020-09-23T10:58:31.62286Z",
        "lastUpdatedDateTimeUtc": "2020-09-23T10:58:31.62286Z",
        "allocationPolicy": "custom",
        "iotHubs": hubs,
        "customAllocationDefinition": { "webhookUrl": webhook_url, "apiVersion": "2019-03-31" },
    });
    json!({ "idScope": ID_SCOPE, "linkedHubs": hubs, "enrollmentGroups": [group] }).to_string()
}

/// The enrollment group's primary key.
#[must_use]
pub fn group_key() -> SymmetricKey {
    #[expect(clippy::expect_used, reason = "a constant, parsed in a test of the tutorial")]
    GROUP_KEY.parse().expect("the tutorial's group key is a key")
}

/// The device `registration_id` of the enrollment group, with the tutorial's payload.
#[must_use]
pub fn device(registration_id: &str) -> Device {
    Device {
        id_scope: ID_SCOPE.to_owned(),
        registration_id: registration_id.to_owned(),
        key: group_key().derive(registration_id),
        payload: RawValue::from_string(PAYLOAD.to_owned()).ok(),
    }
}
