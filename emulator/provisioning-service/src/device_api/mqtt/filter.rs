//! Topic filters: what a device subscribes to.
//!
//! Rules: MQTT 3.1.1, section 4.7 (<http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>).

/// Whether `filter` is valid and matches topics of answers alone: `$dps/registrations/res/#` and narrower ones.
pub(crate) fn is_for_answers(filter: &str) -> bool {
    let Some(rest) = filter.strip_prefix("$dps/registrations/res/") else { return false };
    let (parents, last) = rest.rsplit_once('/').unwrap_or(("", rest));
    let is_level = |level: &str| level == "+" || !level.contains(['+', '#', '\0']);
    (last == "#" || is_level(last)) && parents.split('/').all(is_level)
}

/// Whether `topic` matches the valid filter `filter`.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    for expected in filter.split('/') {
        match (expected, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (expected, Some(level)) if expected == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "$dps/registrations/res/202/?$rid=1&retry-after=3";

    #[test]
    fn filters_for_answers_and_what_they_match() {
        for (filter, matched) in [
            ("$dps/registrations/res/#", true),
            ("$dps/registrations/res/+/#", true),
            ("$dps/registrations/res/+/+", true),
            ("$dps/registrations/res/202/+", true),
            (TOPIC, true),
            ("$dps/registrations/res/202/#", true),
            ("$dps/registrations/res/202/+/#", true),
            ("$dps/registrations/res/200/?$rid=1", false),
            ("$dps/registrations/res/+", false),
            ("$dps/registrations/res/202/+/+", false),
        ] {
            assert!(is_for_answers(filter), "{filter}");
            assert_eq!(matches(filter, TOPIC), matched, "{filter}");
        }
        for filter in [
            "",
            "#",
            "$dps/#",
            "$dps/registrations/#",
            "$dps/registrations/+/200/#",
            "$dps/registrations/res",
            "$dps/registrations/PUT/#",
            "$dps/registrations/res/#/200",
            "$dps/registrations/res/20+/#",
            "$dps/registrations/res/200#",
        ] {
            assert!(!is_for_answers(filter), "{filter}");
        }
    }
}
