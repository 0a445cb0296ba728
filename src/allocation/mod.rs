//! The allocation policies: which hub a device belongs to, one policy to a file.
//!
//! A policy is a pure function: a [`Case`] in, that is a request and what was looked up for it; a hub or a
//! [`Refusal`] out, and [`Notes`] for the function's log. Same case, same answer: no clock, no network, no files,
//! nothing kept between calls. That is what makes it quick (devices wait for it) and easy to test.
//!
//! A policy of one's own is a file here and a line in [`crate::policies`].

use std::collections::BTreeMap;

use serde_json::Value;

mod case;
mod divisions;
pub mod hubs;
mod notes;
mod refusal;
#[cfg(feature = "rules")]
pub mod rules;
mod settings;
pub mod spread;
mod toasters;

pub use self::case::{Case, Found, PolicySettings};
pub use self::divisions::Divisions;
pub use self::notes::Notes;
pub use self::refusal::Refusal;
pub use self::settings::{PREFIX, policy_settings};
pub use self::toasters::Toasters;
use crate::webhook::AllocationResponse;

/// What each look-up is asked with, by its name.
pub type LookupValues = BTreeMap<String, Vec<Value>>;

/// An allocation policy: the pure half of a decision. Every function of [`Policy::allocate`]'s form is one.
pub trait Policy: Send + Sync {
    /// Decides about one device.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] for a device that is not to be assigned, or not now.
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal>;

    /// The values that its look-ups are asked with, by the look-up's name; the registration id alone for one that is
    /// not named. `case.found` is empty.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] when a value cannot be had from this request.
    fn lookup_values(&self, case: &Case<'_>) -> Result<LookupValues, Refusal> {
        let _ = case;
        Ok(LookupValues::new())
    }

    /// Why it decides as it does, in plain text of some lines; `None` if it cannot say. `handler explain` prints it.
    fn explain(&self, case: &Case<'_>) -> Option<String> {
        let _ = case;
        None
    }

    /// Whether `allocate` is pure computation: it waits for nothing, and takes microseconds. Such a policy decides on
    /// the thread that read the request, where one that waits would keep others from an answer. Any other decides on
    /// a thread of its own.
    fn is_computation(&self) -> bool {
        false
    }
}

// === impl Policy ===

impl<F> Policy for F
where
    F: for<'a> Fn(&Case<'a>, &mut Notes) -> Result<AllocationResponse<'a>, Refusal> + Send + Sync,
{
    fn allocate<'a>(&self, case: &Case<'a>, notes: &mut Notes) -> Result<AllocationResponse<'a>, Refusal> {
        self(case, notes)
    }
}
