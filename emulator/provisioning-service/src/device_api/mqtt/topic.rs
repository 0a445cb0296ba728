//! The topics on which devices ask and the service answers, and the filters that devices subscribe to.
//!
//! - `$dps/registrations/PUT/iotdps-register/?$rid={request id}`
//! - `$dps/registrations/GET/iotdps-get-operationstatus/?$rid={request id}&operationId={operation id}`
//! - `$dps/registrations/res/{status}/?$rid={request id}[&retry-after={seconds}]`
//!
//! Source: <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>. Rules of filters: MQTT 3.1.1,
//! section 4.7 (<http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>).

use crate::answer::Answer;

/// What a device subscribes to for its answers.
pub(crate) const ANSWERS: &str = "$dps/registrations/res/#";

/// A longer topic is not one of the service's: its longest has about 200 characters.
const LONGEST: usize = 1024;

/// What a device asks for with a PUBLISH.
pub(crate) enum Request<'a> {
    Register,
    /// The state of a registration. `None` if it does not say which.
    Status(Option<&'a str>),
}

/// What a PUBLISH to `topic` asks for, and what the device calls the request (`$rid`), to be echoed as it is: empty if
/// it does not say. `None` if the service has no such topic; none has a wildcard (MQTT-3.3.2-2).
pub(crate) fn request(topic: &str) -> Option<(Request<'_>, &str)> {
    if topic.len() > LONGEST || topic.contains(['+', '#', '\0']) {
        return None;
    }
    let (method, query) = topic.strip_prefix("$dps/registrations/")?.split_once("/?")?;
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    let request = match method {
        "PUT/iotdps-register" => Request::Register,
        "GET/iotdps-get-operationstatus" => Request::Status(value("operationId=")),
        _ => return None,
    };
    Some((request, value("$rid=").unwrap_or_default()))
}

/// The topic of `answer` to the request `rid`. `$rid` comes first, where all devices look for it, and `retry-after` is
/// in lower case, as the Python SDK requires.
pub(crate) fn answer_topic(rid: &str, answer: &Answer) -> String {
    let retry_after = answer.retry_after.map(|seconds| format!("&retry-after={seconds}"));
    format!("$dps/registrations/res/{}/?$rid={rid}{}", answer.status, retry_after.unwrap_or_default())
}

/// Whether `filter` is valid and matches topics of answers alone: [`ANSWERS`] and narrower ones.
pub(crate) fn is_for_answers(filter: &str) -> bool {
    let Some(rest) = filter.strip_prefix("$dps/registrations/res/") else { return false };
    let parents = rest.strip_suffix("/#").unwrap_or(rest);
    let is_level = |level: &str| level == "+" || !level.contains(['+', '#', '\0']);
    rest == "#" || parents.split('/').all(is_level)
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
