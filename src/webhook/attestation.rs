//! How the devices of an enrollment prove who they are, as far as DPS tells a webhook.
//!
//! <https://learn.microsoft.com/azure/iot-dps/concepts-service#attestation-mechanism>

use serde::Deserialize;

/// The attestation mechanism of an enrollment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attestation {
    /// `symmetricKey` (whose keys are never sent), `x509` or `tpm`; text, because a newer version may add one.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The certificates of an `x509` enrollment.
    pub x509: Option<X509Attestation>,
    /// The keys of a `tpm` enrollment.
    pub tpm: Option<Tpm>,
}

/// The public keys of a trusted platform module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tpm {
    /// The endorsement key, base64.
    pub endorsement_key: Option<String>,
    /// The storage root key, base64.
    pub storage_root_key: Option<String>,
}

/// The certificates of an enrollment: one of these three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct X509Attestation {
    /// An individual enrollment's own certificates.
    pub client_certificates: Option<CertificatePair>,
    /// A group's intermediate certificates.
    pub signing_certificates: Option<CertificatePair>,
    /// A group's verified authorities, by the name they have in the provisioning service.
    pub ca_references: Option<CertificateReferences>,
}

/// A certificate and the one that may replace it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CertificatePair {
    /// The first certificate.
    pub primary: Option<X509Certificate>,
    /// The second certificate.
    pub secondary: Option<X509Certificate>,
}

/// An authority and the one that may replace it, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CertificateReferences {
    /// The first authority.
    pub primary: Option<String>,
    /// The second authority.
    pub secondary: Option<String>,
}

/// A certificate, without its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct X509Certificate {
    /// What it says.
    pub info: Option<CertificateInfo>,
}

/// What a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateInfo {
    /// Whom it names, such as `CN=contoso-toaster-007`.
    pub subject_name: Option<String>,
    /// Its SHA-1 thumbprint, hexadecimal.
    pub sha1_thumbprint: Option<String>,
    /// Its SHA-256 thumbprint, hexadecimal.
    pub sha256_thumbprint: Option<String>,
    /// Who signed it.
    pub issuer_name: Option<String>,
    /// When it becomes valid, RFC 3339, UTC.
    pub not_before_utc: Option<String>,
    /// When it ceases to be valid, RFC 3339, UTC.
    pub not_after_utc: Option<String>,
    /// Its serial number, hexadecimal.
    pub serial_number: Option<String>,
    /// The version of the X.509 format.
    pub version: Option<u32>,
}
