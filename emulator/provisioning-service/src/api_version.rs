//! What an `api-version` looks like.

use time::Date;
use time::macros::format_description;

/// What is expected of an `api-version`, for messages.
pub(crate) const EXPECTED: &str = "an api-version such as 2021-06-01 or 2025-07-01-preview";

/// Whether `text` has the form of a version: `YYYY-MM-DD`, and perhaps `-` and a word. Which ones the service has
/// is not checked, so that newer ones go on working.
///
/// Source: <https://learn.microsoft.com/rest/api/azure/#api-versioning>.
pub(crate) fn is_version(text: &str) -> bool {
    let (date, word) = text.split_at_checked(10).unwrap_or_default();
    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    Date::parse(date, format_description!("[year]-[month]-[day]")).is_ok()
        && (word.is_empty() || word.len() > 1 && word.starts_with('-') && is_word(word))
}
