//! The webhook of a custom allocation policy: how it is called, and what its reply means.
//!
//! <https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation> describes request and response.

mod client;
mod reply;

pub(crate) use self::client::Webhook;
pub use self::client::WebhookOptions;
