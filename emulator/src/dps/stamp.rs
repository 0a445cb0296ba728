//! What the service stamps on its records and answers: times, etags, operation ids.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");

/// `at` as the service writes times: UTC, seven fractional digits, `2019-12-27T19:51:41.6630592Z`.
pub(crate) fn timestamp(at: OffsetDateTime) -> String {
    // A clock out of the range that four digits of a year can name: the epoch is as good as any other lie.
    at.to_offset(time::UtcOffset::UTC)
        .format(FORMAT)
        .unwrap_or_else(|_| "1970-01-01T00:00:00.0000000Z".to_owned())
}

/// The present moment, as [`timestamp`] writes it.
pub(crate) fn now() -> String {
    timestamp(OffsetDateTime::now_utc())
}
