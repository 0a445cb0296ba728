//! What the certificate of a registering device says: names, serial number, thumbprints, dates.
//!
//! DPS has verified the certificate before it calls a webhook; nothing is verified here.
//!
//! <https://learn.microsoft.com/azure/iot-dps/concepts-x509-attestation>

mod date;
mod name;

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use self::date::{parse_date, rfc3339, system_time};
pub use self::name::Name;
use crate::allocation::Refusal;
use crate::webhook::{AllocationRequest, Attestation, CertificateInfo, Malformed};

/// A certificate. What its source does not say is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it names.
    pub subject: Name,
    /// Who signed it.
    pub issuer: Name,
    /// The serial number, lower-case hexadecimal, without leading zero bytes.
    pub serial_number: Option<String>,
    /// The SHA-256 thumbprint, lower-case hexadecimal.
    pub sha256: Option<String>,
    /// The SHA-1 thumbprint, lower-case hexadecimal.
    pub sha1: Option<String>,
    /// When it becomes valid.
    pub not_before: Option<SystemTime>,
    /// When it ceases to be valid.
    pub not_after: Option<SystemTime>,
    /// The DNS names among the subject's alternative names, in their order.
    pub dns_names: Vec<String>,
}

/// Why a certificate cannot be read. `Display` is the sentence that refuses its device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(String);

/// The part of an enrollment that tells of certificates, so that no other part can stop a policy.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Attested {
    attestation: Option<Attestation>,
}

/// The longest text that is read as a certificate: DPS sends 96 KB at most, and a certificate has 1 to 4 KB.
const MOST_TEXT: usize = 64 * 1024;

const PEM_START: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END: &str = "-----END CERTIFICATE-----";

// === impl Certificate ===

impl Certificate {
    /// The certificate of the device that registers: the one that it showed
    /// (`deviceRuntimeContext.x509.clientCertificate`), otherwise what its enrollment says of one: an
    /// individual enrollment of the device's own, a group of the one that signs its devices'; the primary one
    /// if there is any, otherwise the secondary one. `None` when there is no such thing: another attestation,
    /// or a group whose authorities are given by name.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] that begins with `The device's certificate cannot be read:`, or with the place of a wrong
    /// type in the request.
    pub fn of(request: &AllocationRequest<'_>) -> Result<Option<Self>, Refusal> {
        let shown = request.device_runtime_context.x509.read()?;
        if let Some(text) = shown.and_then(|x509| x509.client_certificate) {
            return Ok(Some(Self::from_der(&der(&text)?)?));
        }
        Ok(enrolled(request)?.map(|info| Self::from_info(&info)).transpose()?)
    }

    /// Reads a certificate in its DER form.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] when it is not one certificate, or its alternative names are not such names.
    pub fn from_der(der: &[u8]) -> Result<Self, Unreadable> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| not_der(&error.into()))?;
        if !rest.is_empty() {
            return Err(Unreadable(format!("{} bytes follow the certificate", rest.len())));
        }
        let names = certificate.subject_alternative_name().map_err(|error| not_der(&error))?;
        let dns_name = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        };
        let validity = certificate.validity();
        Ok(Self {
            subject: Name::of_der(certificate.subject()),
            issuer: Name::of_der(certificate.issuer()),
            serial_number: Some(serial_number(&hex(certificate.raw_serial()))),
            sha256: Some(hex(&Sha256::digest(der))),
            sha1: Some(hex(&Sha1::digest(der))),
            not_before: Some(system_time("notBefore", validity.not_before.to_datetime())?),
            not_after: Some(system_time("notAfter", validity.not_after.to_datetime())?),
            dns_names: names
                .iter()
                .flat_map(|names| &names.value.general_names)
                .filter_map(dns_name)
                .collect(),
        })
    }

    /// Reads what the provisioning service says of a certificate. It does not tell the DNS names.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] when a name is not a list of attributes such as `CN=a, O=b`, or a date is not RFC 3339.
    pub fn from_info(info: &CertificateInfo) -> Result<Self, Unreadable> {
        let name = |member, text: Option<&String>| {
            text.map_or_else(
                || Ok(Name::default()),
                |text| {
                    Name::parse(bounded(member, text)?)
                        .map_err(|what| Unreadable(format!("{member}: {what}")))
                },
            )
        };
        let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_ascii_lowercase());
        let date = |member, text: Option<&String>| text.map(|text| parse_date(member, text)).transpose();
        Ok(Self {
            subject: name("subjectName", info.subject_name.as_ref())?,
            issuer: name("issuerName", info.issuer_name.as_ref())?,
            serial_number: lower(&info.serial_number).map(|digits| serial_number(&digits)),
            sha256: lower(&info.sha256_thumbprint),
            sha1: lower(&info.sha1_thumbprint),
            not_before: date("notBeforeUtc", info.not_before_utc.as_ref())?,
            not_after: date("notAfterUtc", info.not_after_utc.as_ref())?,
            dns_names: Vec::new(),
        })
    }

    /// The certificate as JSON: `subject` and `issuer` (objects, see [`Name::to_json`]), `serialNumber`,
    /// `sha256`, `sha1`, `notBefore` and `notAfter` (RFC 3339, UTC), `dnsNames` (an array). All members are
    /// there; what is not known is `null` or empty.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let text = |text: &Option<String>| text.clone().into();
        Map::from_iter([
            ("subject".to_owned(), Value::Object(self.subject.to_json())),
            ("issuer".to_owned(), Value::Object(self.issuer.to_json())),
            ("serialNumber".to_owned(), text(&self.serial_number)),
            ("sha256".to_owned(), text(&self.sha256)),
            ("sha1".to_owned(), text(&self.sha1)),
            ("notBefore".to_owned(), text(&self.not_before.and_then(rfc3339))),
            ("notAfter".to_owned(), text(&self.not_after.and_then(rfc3339))),
            ("dnsNames".to_owned(), self.dns_names.clone().into()),
        ])
    }
}

// === impl Unreadable ===

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "The device's certificate cannot be read: {}.", self.0)
    }
}

impl std::error::Error for Unreadable {}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        Self::new(unreadable.to_string())
    }
}

// === private ===

/// What the enrollment says of a certificate.
fn enrolled(request: &AllocationRequest<'_>) -> Result<Option<CertificateInfo>, Malformed> {
    let attested = match request.individual_enrollment.read_as::<Attested>()? {
        None => request.enrollment_group.read_as::<Attested>()?,
        individual => individual,
    };
    let x509 =
        attested.and_then(|enrollment| enrollment.attestation).and_then(|attestation| attestation.x509);
    let Some(x509) = x509 else { return Ok(None) };
    let pairs = [x509.client_certificates, x509.signing_certificates].into_iter().flatten();
    let mut certificates = pairs.flat_map(|pair| [pair.primary, pair.secondary]).flatten();
    Ok(certificates.find_map(|certificate| certificate.info))
}

/// The DER form of a certificate from its base64, which may have line breaks and the lines of PEM around it.
/// Of several certificates in PEM the first, which is the device's own.
fn der(text: &str) -> Result<Vec<u8>, Unreadable> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text = bounded("clientCertificate", text)?;
    let text = match text.split_once(PEM_START) {
        None => text,
        Some((_, rest)) => {
            rest.split_once(PEM_END).ok_or_else(|| Unreadable(format!("expected {PEM_END} at its end")))?.0
        }
    };
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.is_empty() {
        return Err(Unreadable("expected base64, found an empty text".to_owned()));
    }
    BASE64.decode(text).map_err(|_| Unreadable("not valid base64".to_owned()))
}

fn bounded<'a>(member: &str, text: &'a str) -> Result<&'a str, Unreadable> {
    if text.len() <= MOST_TEXT {
        return Ok(text);
    }
    Err(Unreadable(format!("expected at most {MOST_TEXT} bytes for {member}, found {}", text.len())))
}

fn not_der(error: &X509Error) -> Unreadable {
    match error {
        // What the parser's own machinery says helps nobody.
        X509Error::Der(_) | X509Error::NomError(_) => Unreadable("not a certificate in DER form".to_owned()),
        error => Unreadable(format!("not a certificate in DER form ({error})")),
    }
}

/// Hexadecimal digits without the leading zero bytes, which some print and others do not.
fn serial_number(digits: &str) -> String {
    let mut digits = digits;
    while let Some(rest) = digits.strip_prefix("00").filter(|rest| !rest.is_empty()) {
        digits = rest;
    }
    digits.to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
