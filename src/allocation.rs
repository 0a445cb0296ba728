//! The allocation policy: which hub a device belongs to. **This is the file to change for another policy.**
//!
//! A policy is a pure function: a request in; a hub or a refusal out, and notes for the function's log.
//! Same request, same answer: no clock, no network, no files, nothing kept between calls. That is what
//! makes it quick (devices wait for it) and easy to test.
//!
//! The one shipped is that of Microsoft's tutorial,
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>, in its edition with
//! one hub: registration ids that contain `contoso-toaster` go to the first linked hub.

use std::borrow::Cow;
use std::fmt;

use crate::webhook::{AllocationRequest, AllocationResponse, Malformed};

/// An allocation policy. Every function of [`Policy::allocate`]'s form is one.
pub trait Policy: Send + Sync {
    /// Decides about one device.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] for a device that is not to be assigned.
    fn allocate<'a>(
        &self,
        request: &AllocationRequest<'a>,
        notes: &mut Notes,
    ) -> Result<AllocationResponse<'a>, Refusal>;

    /// Whether `allocate` is pure computation: it waits for nothing, and takes microseconds. Such a policy decides on
    /// the thread that read the request, where one that waits would keep others from an answer. Any other decides on
    /// a thread of its own.
    fn is_computation(&self) -> bool {
        false
    }
}

/// The policy of Microsoft's tutorial: toasters go to the first linked hub, every other device is refused.
#[derive(Clone, Copy, Debug)]
pub struct Toasters;

/// What a policy has to say about a request, a line each. The function's log shows them between the
/// request and the response.
#[derive(Debug, Default)]
pub struct Notes(Vec<String>);

/// A device is not to be assigned: the webhook answers 400 with these words, and DPS fails the
/// registration at once (error 400207). The device never sees the words; the function's log does.
///
/// <https://learn.microsoft.com/azure/iot-dps/how-to-troubleshoot-dps>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Cow<'static, str>);

/// What every registration id of a Contoso toaster contains: anywhere, in this very case.
const TOASTER: &str = "contoso-toaster";

fn no_hubs(notes: &mut Notes) -> Refusal {
    notes.add("linkedHubs : NULL");
    Refusal::new("No hub group defined for the enrollment.")
}

// === impl Policy ===

impl<F> Policy for F
where
    F: for<'a> Fn(&AllocationRequest<'a>, &mut Notes) -> Result<AllocationResponse<'a>, Refusal>
        + Send
        + Sync,
{
    fn allocate<'a>(
        &self,
        request: &AllocationRequest<'a>,
        notes: &mut Notes,
    ) -> Result<AllocationResponse<'a>, Refusal> {
        self(request, notes)
    }
}

// === impl Toasters ===

impl Policy for Toasters {
    /// The order of the questions is the sample's: registration id, then linked hubs, then the kind of device. A
    /// refusal has the sample's words, or those of [`Malformed`] where the sample would throw.
    fn allocate<'a>(
        &self,
        request: &AllocationRequest<'a>,
        notes: &mut Notes,
    ) -> Result<AllocationResponse<'a>, Refusal> {
        let Some(registration_id) = request.device_runtime_context.registration_id()? else {
            notes.add("Registration ID : NULL");
            return Err(Refusal::new("Registration ID not provided for the device."));
        };
        let Some(hubs) = request.linked_hubs()? else {
            return Err(no_hubs(notes));
        };
        if !registration_id.contains(TOASTER) {
            notes.add("Unknown device registration");
            return Err(Refusal::new("Unrecognized device registration."));
        }
        for hub in &hubs {
            notes.add(format!("linkedHub : {hub}"));
        }
        let Some(hub) = hubs.into_iter().next() else {
            return Err(no_hubs(notes));
        };
        notes.add(format!("Selected hub : {hub}"));
        Ok(AllocationResponse::to(hub))
    }

    fn is_computation(&self) -> bool {
        true
    }
}

// === impl Notes ===

impl Notes {
    /// Adds a line.
    pub fn add(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }

    /// All lines, in the order in which they were added.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.0
    }
}

// === impl Refusal ===

impl Refusal {
    /// A refusal in these words: say what was wrong and what was expected.
    pub fn new(words: impl Into<Cow<'static, str>>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self(malformed.to_string().into())
    }
}
