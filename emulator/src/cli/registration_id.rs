/// The longest registration id, characters.
const LONGEST: usize = 128;

/// A value parser for clap: `text` as it is, if it is a registration id.
///
/// Rule: <https://learn.microsoft.com/azure/iot-dps/concepts-service#registration-id>
pub(super) fn parse(text: &str) -> Result<String, String> {
    let fits = (1..=LONGEST).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c))
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    let wanted =
        "1 to 128 letters, digits, `-`, `.`, `_` or `:` are wanted, a letter, digit or `-` at the end";
    if fits { Ok(text.to_owned()) } else { Err(wanted.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn registration_ids() {
        let longest = "a".repeat(128);
        for good in ["contoso-toaster-007", "a", "A.b_c:d-", longest.as_str()] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        let too_long = "a".repeat(129);
        for bad in ["", "a b", "a/b", "a.", "a_", "a:", "ä", too_long.as_str()] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
