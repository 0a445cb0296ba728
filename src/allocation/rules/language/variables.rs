//! The variables of one request, each made into a value when the first expression that names it is
//! evaluated.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use cel::common::types::{CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use chrono::DateTime;

use super::functions::BYTES_OF;
use super::json::{self, Boxed};
use super::settings::Settings;
use crate::allocation::{Case, Refusal};
use crate::certificate::Certificate;

/// The variables that every request has.
pub(in super::super) const VARIABLES: [&str; 9] = [
    "registrationId",
    "payload",
    "linkedHubs",
    "currentHub",
    "enrollment",
    "certificate",
    "settings",
    "now",
    "request",
];

/// The variables of one request.
pub(in super::super) struct Variables<'a> {
    case: Case<'a>,
    registration_id: CelString<'a>,
    settings: Settings<'a>,
    lookups: &'a [String],
    values: [OnceLock<Option<Boxed<'a>>>; 7],
    found: Vec<OnceLock<Boxed<'a>>>,
    unreadable: OnceLock<Unreadable>,
}

/// What an expression names of the request and nobody can read. `Display` is a sentence without its end.
#[derive(Clone, Debug)]
pub(in super::super) enum Unreadable {
    /// A member of the request.
    Member(String),
    /// The device's certificate.
    Certificate(Refusal),
}

// === impl Variables ===

impl<'a> Variables<'a> {
    /// The variables of `case`; of its look-ups, those named `lookups`.
    pub(in super::super) fn new(
        case: &Case<'a>,
        registration_id: Cow<'a, str>,
        lookups: &'a [String],
    ) -> Self {
        Self {
            case: *case,
            registration_id: CelString::from(registration_id),
            settings: Settings(case.settings),
            lookups,
            values: Default::default(),
            found: lookups.iter().map(|_| OnceLock::new()).collect(),
            unreadable: OnceLock::new(),
        }
    }

    /// What could not be read, if an expression named it.
    pub(super) fn unreadable(&self) -> Option<&Unreadable> {
        self.unreadable.get()
    }

    /// The variable at `index` of [`VARIABLES`], or of the look-ups behind them; `None` when it cannot be read.
    pub(super) fn at(&self, index: usize) -> Option<&dyn Val> {
        let device = &self.case.request.device_runtime_context;
        match index {
            0 => Some(&self.registration_id),
            1 => self.value(0, || {
                let empty = Box::new(CelMap::default());
                Self::json("deviceRuntimeContext.payload", device.payload.text(), empty)
            }),
            2 => self.value(1, || self.linked_hubs()),
            3 => self.value(2, || self.current_hub()),
            4 => self.value(3, || Self::json("the enrollment", self.enrollment_text(), Box::new(CelNull))),
            5 => self.value(4, || self.certificate()),
            6 => Some(&self.settings),
            7 => self.value(5, || Ok(self.now())),
            8 => self.value(6, || Self::json("the request", Some(self.case.body), Box::new(CelNull))),
            lookup => self.found(lookup - VARIABLES.len()),
        }
    }

    fn value(&self, index: usize, make: impl FnOnce() -> Result<Boxed<'a>, Unreadable>) -> Option<&dyn Val> {
        let value =
            self.values[index].get_or_init(|| make().map_err(|error| _ = self.unreadable.set(error)).ok());
        value.as_deref().map(|value| value as &dyn Val)
    }

    fn json(place: &str, text: Option<&'a str>, absent: Boxed<'a>) -> Result<Boxed<'a>, Unreadable> {
        let Some(text) = text else { return Ok(absent) };
        json::from_text(text).map_err(|words| Unreadable::Member(format!("{place} cannot be read: {words}")))
    }

    fn linked_hubs(&self) -> Result<Boxed<'a>, Unreadable> {
        let hubs = self.case.request.linked_hubs().map_err(Unreadable::member)?.unwrap_or_default();
        if hubs.len() > json::MAX_VALUES {
            let words = format!("linkedHubs cannot be read: it has more than {} values", json::MAX_VALUES);
            return Err(Unreadable::Member(words));
        }
        let hubs = hubs.iter().map(|hub| Box::new(CelString::from(hub.to_string())) as Boxed<'a>);
        Ok(Box::new(CelList::from(hubs.collect::<Vec<_>>())))
    }

    fn current_hub(&self) -> Result<Boxed<'a>, Unreadable> {
        let hub = self.case.request.device_runtime_context.current_iot_hub_host_name();
        Ok(match hub.map_err(Unreadable::member)? {
            Some(hub) => Box::new(CelString::from(hub)),
            None => Box::new(CelNull),
        })
    }

    /// The record that was sent: that of the device alone, or that of its group.
    fn enrollment_text(&self) -> Option<&'a str> {
        let request = self.case.request;
        request.individual_enrollment.text().or_else(|| request.enrollment_group.text())
    }

    fn certificate(&self) -> Result<Boxed<'a>, Unreadable> {
        let members = Certificate::of(self.case.request).map_err(Unreadable::Certificate)?;
        let Some(certificate) = members else { return Ok(Box::new(CelNull)) };
        let values = certificate.to_json().into_iter().map(|(name, value)| {
            let time = value.as_str().filter(|_| matches!(name.as_str(), "notBefore" | "notAfter"));
            let time = time.and_then(|time| DateTime::parse_from_rfc3339(time).ok());
            let value = match time {
                Some(time) => Box::new(CelTimestamp::from(time)) as Boxed<'a>,
                None => json::into_value(value),
            };
            (CelMapKey::String(CelString::from(name)), value)
        });
        Ok(Box::new(CelMap::from(values.collect::<std::collections::HashMap<_, _>>())))
    }

    fn now(&self) -> Boxed<'a> {
        let since = self.case.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
        let now = DateTime::from_timestamp(seconds, since.subsec_nanos()).unwrap_or_default();
        Box::new(CelTimestamp::from(now.fixed_offset()))
    }

    fn found(&self, index: usize) -> Option<&dyn Val> {
        let name = self.lookups.get(index)?;
        let value = self.found.get(index)?.get_or_init(|| match self.case.found.get(name) {
            Some(Some(members)) => json::from_members(members),
            _ => Box::new(CelNull),
        });
        Some(&**value)
    }

    /// How many bytes a variable has, roughly, without making it a value.
    fn bytes(&self, name: &str) -> usize {
        let request = self.case.request;
        match name {
            "registrationId" => self.registration_id.len(),
            "payload" => request.device_runtime_context.payload.text().map_or(0, str::len),
            "enrollment" => self.enrollment_text().map_or(0, str::len),
            "settings" => self.case.settings.values().map(String::len).max().unwrap_or(0),
            "linkedHubs" => {
                request.linked_hubs().ok().flatten().into_iter().flatten().map(|hub| hub.len()).sum()
            }
            "certificate" | "request" => self.case.body.len(),
            _ => self.case.found.get(name).and_then(Option::as_ref).map_or(0, json::bytes_of_members),
        }
    }
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(names) = name.strip_prefix(BYTES_OF) {
            let bytes: usize = names.split(' ').map(|name| self.bytes(name)).sum();
            return Some(CowVal::owned(CelInt::from(i64::try_from(bytes).unwrap_or(i64::MAX))));
        }
        let mut names = VARIABLES.iter().copied().chain(self.lookups.iter().map(String::as_str));
        self.at(names.position(|known| known == name)?).map(CowVal::Borrowed)
    }
}

// === impl Unreadable ===

impl Unreadable {
    fn member(malformed: impl fmt::Display) -> Self {
        Self::Member(malformed.to_string().trim_end_matches('.').to_owned())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(words) => f.write_str(words),
            Self::Certificate(refusal) => refusal.fmt(f),
        }
    }
}
