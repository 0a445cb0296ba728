//! The form of the service's API versions.
//!
//! Any date will do: versions newer than this program must go on working.
//! <https://learn.microsoft.com/rest/api/iot-dps/>

/// The rule for API versions, for messages.
pub(crate) const RULE: &str = "expected a version such as 2021-10-01 or 2018-09-01-preview";

/// Whether `text` has the form of an API version: [`RULE`].
pub(crate) fn is_version(text: &str) -> bool {
    let Some((date, suffix)) = text.split_at_checked(10) else { return false };
    let form = |(byte, form): (u8, u8)| if form == b'-' { byte == b'-' } else { byte.is_ascii_digit() };
    let in_range = |digits: &str, last: u32| digits.parse().is_ok_and(|number| (1..=last).contains(&number));
    date.bytes().zip(*b"0000-00-00").all(form)
        && in_range(&date[5..7], 12)
        && in_range(&date[8..], 31)
        && (suffix.is_empty()
            || suffix.strip_prefix('-').is_some_and(|stage| {
                !stage.is_empty() && stage.bytes().all(|byte| byte.is_ascii_alphanumeric())
            }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_dates_of_any_year_and_may_be_previews() {
        for good in ["2021-10-01", "2018-09-01-preview", "2019-03-31", "2099-12-31-privatepreview"] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "",
            "banana",
            "2021",
            "2021-10",
            "2021-13-01",
            "2021-10-00",
            "2021-10-32",
            "2021/10/01",
            "21-10-01",
            "2021-10-01-",
            "2021-10-01preview",
            "2021-10-01-a b",
            "2021-10-01 ",
            "é021-10-01",
            "+021-10-01",
            "2021-+1-01",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
