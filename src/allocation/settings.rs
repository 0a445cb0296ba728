use std::ffi::OsString;

use super::PolicySettings;

/// What the names of a policy's settings begin with.
pub const PREFIX: &str = "ALLOCATION_";

/// What the handler itself reads, by the rest of the name.
const HANDLERS_OWN: [&str; 5] = ["BODY_LIMIT", "LOG_BODY", "LOOKUP_TIMEOUT", "POLICY", "RULES"];

/// The settings that a policy sees: of the app settings, `variables` (`std::env::vars_os()` outside of
/// tests), those that begin with `ALLOCATION_`, by the rest of their name.
///
/// Not among them: the handler's own, which say nothing about devices, and those in `withheld` (full names,
/// such as `ALLOCATION_DEVICES_URL`): addresses and tokens that look-ups name, which must appear nowhere.
/// Names are case-sensitive. What is not UTF-8 in a value is replaced by U+FFFD.
pub fn policy_settings(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    withheld: &[&str],
) -> PolicySettings {
    let setting = |(name, value): (OsString, OsString)| {
        let name = name.to_str()?;
        let rest = name.strip_prefix(PREFIX)?;
        let is_visible = !rest.is_empty() && !HANDLERS_OWN.contains(&rest) && !withheld.contains(&name);
        is_visible.then(|| (rest.to_owned(), value.to_string_lossy().into_owned()))
    };
    variables.into_iter().filter_map(setting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_sees_its_own_settings_and_no_others() {
        let variables = [
            ("ALLOCATION_MAINTENANCE", "on"),
            ("ALLOCATION_EMPTY", ""),
            ("ALLOCATION_policy", "in lower case"),
            ("ALLOCATION_POLICY", "rules"),
            ("ALLOCATION_RULES", "other.yaml"),
            ("ALLOCATION_BODY_LIMIT", "1000"),
            ("ALLOCATION_LOOKUP_TIMEOUT", "5"),
            ("ALLOCATION_LOG_BODY", "none"),
            ("ALLOCATION_DEVICES_URL", "postgres://user:secret@host/db"),
            ("ALLOCATION_", "no name"),
            ("allocation_x", "another case"),
            ("XALLOCATION_Y", "inside"),
            ("PATH", "/bin"),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let settings: Vec<_> = policy_settings(variables, &["ALLOCATION_DEVICES_URL", "PATH"])
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(settings, ["EMPTY=", "MAINTENANCE=on", "policy=in lower case"]);
    }
}
