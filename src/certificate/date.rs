use std::time::{Duration, SystemTime};

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::Unreadable;

/// Reads a date as the provisioning service writes it.
pub(super) fn parse_date(member: &str, text: &str) -> Result<SystemTime, Unreadable> {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(date) => system_time(member, date),
        Err(_) => Err(Unreadable(format!("expected a date such as 2026-11-25T00:00:00Z for {member}"))),
    }
}

/// The date as a time of the system, if the system's clock and [`rfc3339`] know such a year.
pub(super) fn system_time(member: &str, date: OffsetDateTime) -> Result<SystemTime, Unreadable> {
    let utc = date.checked_to_offset(UtcOffset::UTC);
    utc.and_then(|utc| {
        let seconds = utc.unix_timestamp();
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(whole)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(whole)
        };
        time?.checked_add(Duration::from_nanos(utc.nanosecond().into()))
    })
    .ok_or_else(|| Unreadable(format!("{member} is out of range")))
}

/// Writes a date in UTC.
pub(super) fn rfc3339(time: SystemTime) -> Option<String> {
    OffsetDateTime::from(time).format(&Rfc3339).ok()
}
