use dps_custom_allocation::webhook::{
    AllocationRequest, Attestation, Capabilities, CertificateInfo, CertificatePair, CertificateReferences,
    CustomAllocationDefinition, EnrollmentGroup, IndividualEnrollment, Malformed, ReprovisionPolicy, Tpm,
    X509Attestation, X509Certificate,
};
use serde::Deserialize;
use serde_json::json;

use crate::envelope::{HUB, TOASTER};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn the_recorded_request_is_read_whole() {
    let request = AllocationRequest::parse(TOASTER).unwrap();
    assert_eq!(
        request.enrollment_group.read().unwrap(),
        Some(EnrollmentGroup {
            enrollment_group_id: some("contoso-custom-allocated-devices"),
            attestation: Some(Attestation { kind: some("symmetricKey"), ..Attestation::default() }),
            capabilities: Some(Capabilities { iot_edge: Some(false) }),
            etag: some("\"e8002126-0000-0100-0000-5f6b2a570000\""),
            initial_twin: None,
            provisioning_status: some("enabled"),
            reprovision_policy: Some(ReprovisionPolicy {
                update_hub_assignment: Some(true),
                migrate_device_data: Some(true),
            }),
            created_date_time_utc: some("2020-09-23T10:58:31.62286Z"),
            last_updated_date_time_utc: some("2020-09-23T10:58:31.62286Z"),
            allocation_policy: some("custom"),
            iot_hubs: Some(vec![HUB.to_owned()]),
            custom_allocation_definition: Some(CustomAllocationDefinition {
                webhook_url: some("https://contoso-function-app.azurewebsites.net/api/HttpTrigger1?****"),
                api_version: some("2019-03-31"),
            }),
        })
    );
    assert_eq!(request.individual_enrollment.read().unwrap(), None);
    let device = request.device_runtime_context;
    assert_eq!(device.registration_id().unwrap().as_deref(), Some("contoso-toaster-007"));
    assert_eq!(device.current_iot_hub_host_name().unwrap(), None);
    assert_eq!(device.current_device_id().unwrap(), None);
    assert_eq!(device.symmetric_key.read().unwrap(), Some(serde_json::Map::new()));
    assert_eq!(device.x509.read().unwrap(), None);
    assert_eq!(device.tpm.read().unwrap(), None);
    assert_eq!(
        device.payload.text(),
        Some(r#"{"MyDeviceFirmwareVersion":"12.0.2.5","MyDeviceProvisioningVersion":"1.0.0.0"}"#)
    );
}

/// Shapes from the service's REST schema, `specification/deviceprovisioningservices` in
/// <https://github.com/Azure/azure-rest-api-specs>.
#[test]
fn an_individual_enrollment_of_every_attestation_is_read() {
    let info = json!({ "info": { "subjectName": "CN=a", "sha1Thumbprint": "b", "sha256Thumbprint": "c",
        "issuerName": "CN=d", "notBeforeUtc": "2022-01-01T00:00:00Z", "notAfterUtc": "2032-01-01T00:00:00Z",
        "serialNumber": "e", "version": 3 } });
    let body = json!({
        "individualEnrollment": {
            "registrationId": "dev1", "deviceId": "dev1-hubname", "iotHubHostName": null,
            "attestation": { "type": "x509", "tpm": { "endorsementKey": "ek", "storageRootKey": "srk" }, "x509": {
                "clientCertificates": { "primary": info, "secondary": null },
                "signingCertificates": { "secondary": {} },
                "caReferences": { "primary": "root", "secondary": "next" },
            } },
            "initialTwin": { "tags": { "a": 1 }, "properties": { "desired": { "b": 2 } } },
            "somethingNewer": true,
        },
        "deviceRuntimeContext": { "tpm": { "endorsementKey": "ek" }, "x509": { "clientCertificate": "MIIC" } },
    })
    .to_string();
    let request = AllocationRequest::parse(&body).unwrap();
    let enrollment = request.individual_enrollment.read().unwrap().unwrap();
    let certificate = X509Certificate {
        info: Some(CertificateInfo {
            subject_name: some("CN=a"),
            sha1_thumbprint: some("b"),
            sha256_thumbprint: some("c"),
            issuer_name: some("CN=d"),
            not_before_utc: some("2022-01-01T00:00:00Z"),
            not_after_utc: some("2032-01-01T00:00:00Z"),
            serial_number: some("e"),
            version: Some(3),
        }),
    };
    let attestation = Attestation {
        kind: some("x509"),
        tpm: Some(Tpm { endorsement_key: some("ek"), storage_root_key: some("srk") }),
        x509: Some(X509Attestation {
            client_certificates: Some(CertificatePair { primary: Some(certificate), secondary: None }),
            signing_certificates: Some(CertificatePair {
                primary: None,
                secondary: Some(X509Certificate::default()),
            }),
            ca_references: Some(CertificateReferences { primary: some("root"), secondary: some("next") }),
        }),
    };
    let twin = enrollment.initial_twin.clone().unwrap();
    assert_eq!(
        serde_json::to_value(&twin).unwrap(),
        json!({ "tags": { "a": 1 }, "properties": { "desired": { "b": 2 } } })
    );
    assert_eq!(
        enrollment,
        IndividualEnrollment {
            registration_id: some("dev1"),
            device_id: some("dev1-hubname"),
            attestation: Some(attestation),
            initial_twin: Some(twin),
            ..IndividualEnrollment::default()
        }
    );
    let device = request.device_runtime_context;
    assert_eq!(device.x509.read().unwrap().unwrap().client_certificate, some("MIIC"));
    assert_eq!(device.tpm.read().unwrap().unwrap().endorsement_key, some("ek"));
}

#[test]
fn the_current_hub_is_read_in_every_casing() {
    for name in
        ["currentIotHubHostName", "currentIoTHubHostName", "currentIoTHubHostname", "currentIotHubHostname"]
    {
        let body = format!(r#"{{"deviceRuntimeContext":{{"{name}":"h1","currentDeviceId":"d1"}}}}"#);
        let device = AllocationRequest::parse(&body).unwrap().device_runtime_context;
        assert_eq!(device.current_iot_hub_host_name().unwrap().as_deref(), Some("h1"), "{name}");
        assert_eq!(device.current_device_id().unwrap().as_deref(), Some("d1"));
    }
}

#[test]
fn a_payload_is_read_as_the_users_own_type() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        model_id: String,
        slots: Vec<u8>,
    }
    let read = |payload: &str| {
        let body = format!(r#"{{"deviceRuntimeContext":{{"payload":{payload}}}}}"#);
        AllocationRequest::parse(&body).unwrap().device_runtime_context.payload.read_as::<Payload>()
    };
    assert_eq!(read("null"), Ok(None));
    assert_eq!(
        read(r#"{"modelId":"a","modelId":"b","slots":[1]}"#),
        Ok(Some(Payload { model_id: "b".to_owned(), slots: vec![1] }))
    );
    let sentence = |payload: &str| read(payload).unwrap_err().to_string();
    assert_eq!(
        sentence(r#"{"modelId":"a","slots":[1,"x"]}"#),
        "The request body has the wrong type at deviceRuntimeContext.payload.slots[1]: expected u8, found \"x\"."
    );
    assert_eq!(
        sentence(r#"{"slots":[]}"#),
        "The request body has the wrong type at deviceRuntimeContext.payload: missing member `modelId`."
    );
}

#[test]
fn a_member_of_the_wrong_type_is_named_when_it_is_read() {
    let body = r#"{"enrollmentGroup":{"reprovisionPolicy":{"migrateDeviceData":"yes"}}}"#;
    let request = AllocationRequest::parse(body).unwrap();
    let Err(Malformed::WrongType { place, what }) = request.enrollment_group.read() else {
        panic!("it is not a boolean");
    };
    assert_eq!(place, "enrollmentGroup.reprovisionPolicy.migrateDeviceData");
    assert_eq!(what, "expected a boolean, found \"yes\"");
}

#[test]
fn an_error_quotes_little_of_what_was_sent() {
    let body = format!("\"{}\"", "ä".repeat(100_000));
    let sentence = AllocationRequest::parse(&body).unwrap_err().to_string();
    assert!(sentence.len() < 1000, "{sentence}");
}
