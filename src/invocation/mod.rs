//! The JSON in which the Functions host calls a custom handler and in which it is answered: the envelope.
//!
//! Documented at <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>; what
//! the page leaves open (that `statusCode` is the caller's status, that a `body` text goes out as it
//! stands) is settled by the host's source, <https://github.com/Azure/azure-functions-host>, in
//! `src/WebJobs.Script/Workers/Http` and `src/WebJobs.Script/Binding/Http`.

mod call;
mod headers;
mod reply;
mod unescape;

pub use self::call::{CallerBody, inputs, is_envelope, read};
pub use self::reply::write;
