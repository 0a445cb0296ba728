//! What an `api-version` looks like.

/// What is expected of an `api-version`, for messages.
pub(crate) const EXPECTED: &str = "an api-version such as 2021-06-01 or 2025-07-01-preview";

/// Whether `text` has the form of a version: `YYYY-MM-DD`, and perhaps `-` and a word. Which ones the service has
/// is not checked, so that newer ones go on working.
///
/// Source: <https://learn.microsoft.com/rest/api/azure/#api-versioning>.
pub(crate) fn is_version(text: &str) -> bool {
    let mut parts = text.splitn(4, '-');
    let mut number = |digits: usize, range: std::ops::RangeInclusive<u16>| {
        let part = parts.next().unwrap_or_default();
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number && part.parse().is_ok_and(|number| range.contains(&number))
    };
    number(4, 2000..=9999)
        && number(2, 1..=12)
        && number(2, 1..=31)
        && parts.next().is_none_or(|word| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_dates_with_or_without_a_word() {
        for version in
            ["2021-06-01", "2019-03-31", "2019-03-31-preview", "2031-12-31", "2018-09-01-privatepreview"]
        {
            assert!(is_version(version), "{version}");
        }
        for other in
            ["", "banana", "1", "2021-06", "2021-13-01", "2021-06-32", "2021-6-1", "21-06-01", "2021-06-01-"]
        {
            assert!(!is_version(other), "{other}");
        }
    }
}
