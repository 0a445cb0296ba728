//! What DPS sends to a custom allocation webhook, and what it wants back.
//!
//! The contract: <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation>. The records
//! inside the request are those of the service's REST API,
//! <https://github.com/Azure/azure-rest-api-specs/tree/main/specification/deviceprovisioningservices>.
//!
//! Rules that hold for every type here: members that are not modelled are ignored, so that a newer API
//! version breaks nothing; absent and `null` mean the same; of two members of one name the last counts,
//! as in Newtonsoft.Json, which the sample uses; and a member is judged when somebody reads it, so that
//! a policy is never stopped by a member it does not use.

mod attestation;
mod enrollment;
mod json;
mod request;
mod response;

pub use self::attestation::{
    Attestation, CertificateInfo, CertificatePair, CertificateReferences, Tpm, X509Attestation,
    X509Certificate,
};
pub use self::enrollment::{
    Capabilities, CustomAllocationDefinition, EnrollmentGroup, IndividualEnrollment, ReprovisionPolicy,
};
pub use self::json::{MAX_DEPTH, Malformed, Member};
pub use self::request::{AllocationRequest, DeviceRuntimeContext, Hub, X509DeviceAttestation};
pub use self::response::{AllocationResponse, InitialTwin, TwinProperties};
