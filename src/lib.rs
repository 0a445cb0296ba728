//! A custom allocation policy for the Azure Device Provisioning Service (DPS), as an Azure Functions
//! custom handler: DPS asks which IoT hub a registering device belongs to, and this answers.
//!
//! # The way of a request
//!
//! 1. [`connections`] takes the Functions host's connection; [`server`] finds the function, one of the [`app`]'s.
//! 2. [`body`] reads the request, within bounds; [`invocation`] takes the caller's body out of the host's JSON.
//! 3. [`function`] reads that as a [`webhook::AllocationRequest`] and asks [`allocation`], the policy; [`decision`]
//!    is where: on the thread that read the request, or away from it.
//! 4. The answer and the function's log go back in one reply, written by [`invocation`].
//!
//! [`cli`], [`settings`], [`logging`] and [`stop`] are the process's own, put together in `main.rs`.
//!
//! # What comes of it
//!
//! | request | status | body |
//! |---|---|---|
//! | a toaster, with linked hubs | 200 | `{"iotHubHostName":"<first linked hub>"}` |
//! | another device | 400 | `Unrecognized device registration.` |
//! | no linked hubs | 400 | `No hub group defined for the enrollment.` |
//! | no registration id, or no body | 400 | `Registration ID not provided for the device.` |
//! | not an allocation request | 400 | a sentence: what was expected, what was found |
//! | too large; too slow; too many at once | 413; 408; 503 | a sentence |
//! | a policy that panics | 500 | a sentence |

pub mod allocation;
pub mod app;
pub mod body;
#[cfg(feature = "certificates")]
pub mod certificate;
pub mod cli;
pub mod connections;
pub mod decision;
pub mod function;
pub mod invocation;
pub mod log_body;
pub mod logging;
pub mod lookups;
mod member_name;
pub mod memory;
pub mod mistakes;
pub mod policies;
pub mod server;
pub mod settings;
pub mod stop;
pub mod webhook;
mod words;
