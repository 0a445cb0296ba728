use std::fmt;
use std::str::FromStr;

/// What is replaced by a device's number.
const NUMBER: &str = "{}";

/// The registration ids of a fleet: a text in which `{}` stands for the device's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    after: String,
}

/// The text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternError;

impl Pattern {
    /// The registration id of device `number` of `count`, numbers padded to the same length.
    #[must_use]
    pub fn registration_id(&self, number: usize, count: usize) -> String {
        let width = count.to_string().len();
        format!("{}{number:0width$}{}", self.before, self.after)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (before, after) = text.split_once(NUMBER).ok_or(PatternError)?;
        if after.contains(NUMBER) {
            return Err(PatternError);
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }
}

impl std::error::Error for PatternError {}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a registration id with one {}, which stands for the device's number")
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, PatternError};

    #[test]
    fn numbers_are_padded_to_the_same_length() {
        let pattern: Pattern = "contoso-toaster-{}-a".parse().unwrap();
        assert_eq!(pattern.registration_id(7, 9), "contoso-toaster-7-a");
        assert_eq!(pattern.registration_id(7, 10_000), "contoso-toaster-00007-a");
    }

    #[test]
    fn a_pattern_has_one_number() {
        for text in ["", "contoso-toaster", "a{}b{}"] {
            assert_eq!(text.parse::<Pattern>(), Err(PatternError), "{text}");
        }
    }
}
