//! A custom allocation policy for the Azure Device Provisioning Service (DPS), as an Azure Functions
//! custom handler: DPS asks which IoT hub a registering device belongs to, and this answers.
//!
//! # The way of a request
//!
//! 1. [`connections`] takes the Functions host's connection; [`server`] routes the request.
//! 2. [`body`] reads it, within bounds; [`invocation`] takes the caller's body out of the host's JSON.
//! 3. [`function`] reads that as an [`webhook::AllocationRequest`] and asks [`allocation`], the policy.
//! 4. The answer and the function's log go back in one reply, written by [`invocation`].
//!
//! [`settings`], [`logging`] and [`stop`] are the process's own, put together in `main.rs`.
//!
//! # What comes of it
//!
//! | request | status | body |
//! |---|---|---|
//! | a toaster, with linked hubs | 200 | `{"iotHubHostName":"<first linked hub>"}` |
//! | another device | 400 | `Unrecognized device registration.` |
//! | no linked hubs | 400 | `No hub group defined for the enrollment.` |
//! | no registration id, or no body | 400 | `Registration ID not provided for the device.` |
//! | what is no allocation request | 400 | a sentence: what was wrong, what was wanted |
//! | too large; too slow; too many large ones | 413; 408; 503 | a sentence |
//! | a policy that panics | 500 | a sentence |

pub mod allocation;
pub mod body;
pub mod connections;
pub mod function;
pub mod invocation;
pub mod logging;
pub mod server;
pub mod settings;
pub mod stop;
pub mod webhook;
