//! What the service stamps on its records and answers: times, etags, operation ids.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use uuid::Uuid;

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");

/// `at` as the service writes times: UTC, seven fractional digits, `2019-12-27T19:51:41.6630592Z`.
pub(crate) fn timestamp(at: OffsetDateTime) -> String {
    // A clock out of the range that four digits of a year can express: the epoch.
    at.to_offset(time::UtcOffset::UTC)
        .format(FORMAT)
        .unwrap_or_else(|_| "1970-01-01T00:00:00.0000000Z".to_owned())
}

/// The present moment, as [`timestamp`] writes it.
pub(crate) fn now() -> String {
    timestamp(OffsetDateTime::now_utc())
}

/// The etag of a record with `content`: quoted, `"13003fea-0000-0300-0000-62d1d5e50000"`.
pub(crate) fn etag_of(content: &str) -> String {
    let hash = Sha256::digest(content);
    let half = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("\"{}-0000-0100-0000-{}0000\"", half(&hash[..4]), half(&hash[4..8]))
}

/// An etag as a device is given it: base64, quotes and all, `IjYxMDA4ZDQ2LTAwMDAtMDEwMC0wMDAwLTVlOGZlM2QxMDAwMCI=`.
pub(crate) fn device_etag(content: &str) -> String {
    STANDARD.encode(etag_of(content))
}

/// A new operation id: `4.002305f54fc89692.b1f11200-8776-4b5d-867b-dc21c4b59c12`.
pub(crate) fn operation_id() -> String {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    format!("4.{low:016x}.{}", Uuid::new_v4())
}
