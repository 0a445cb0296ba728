use std::str::FromStr;

/// The registration ids of a fleet: a text in which `{}` stands for the device's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The registration id of device `number` of `count`, numbers padded to the same length.
    #[must_use]
    pub fn registration_id(&self, number: usize, count: usize) -> String {
        let width = count.to_string().len();
        self.0.replace("{}", &format!("{number:0width$}"))
    }
}

impl FromStr for Pattern {
    /// What was expected.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.matches("{}").count() {
            1 => Ok(Self(text.to_owned())),
            _ => Err("expected a registration id with one {}, which stands for the device's number"),
        }
    }
}
