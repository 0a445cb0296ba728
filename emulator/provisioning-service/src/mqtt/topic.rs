//! The topics on which devices ask and the service answers.
//!
//! - `$dps/registrations/PUT/iotdps-register/?$rid={request id}`
//! - `$dps/registrations/GET/iotdps-get-operationstatus/?$rid={request id}&operationId={operation id}`
//! - `$dps/registrations/res/{status}/?$rid={request id}[&retry-after={seconds}]`
//!
//! Source: <https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-dps>

use crate::Answer;

/// What a device subscribes to for its answers.
pub(super) const ANSWERS: &str = "$dps/registrations/res/#";

/// A longer topic is not one of the service's: its longest has about 200 characters.
const LONGEST: usize = 1024;

/// What a device asks for with a PUBLISH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// What it calls the request (`$rid`), to be echoed as it is. Empty if it does not say.
    pub(super) id: String,
    /// What it asks for.
    pub(super) operation: Operation,
}

/// What a device may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// To be registered.
    Register,
    /// The state of a registration. `None` if it does not say which.
    Status(Option<String>),
}

/// Whether `filter` is the topic of one answer, without wildcards.
pub(super) fn is_answer(filter: &str) -> bool {
    filter.starts_with("$dps/registrations/res/") && !filter.contains(['+', '#'])
}

// === impl Request ===

impl Request {
    /// What a PUBLISH to `topic` asks for; `None` if the service has no such topic.
    pub(super) fn read(topic: &str) -> Option<Self> {
        if topic.len() > LONGEST {
            return None;
        }
        let (method, query) = topic.strip_prefix("$dps/registrations/")?.split_once("/?")?;
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let operation = match method {
            "PUT/iotdps-register" => Operation::Register,
            "GET/iotdps-get-operationstatus" => Operation::Status(value("operationId").map(str::to_owned)),
            _ => return None,
        };
        Some(Self { id: value("$rid").unwrap_or_default().to_owned(), operation })
    }

    /// The topic of `answer` to this request. `$rid` comes first, where all devices look for it, and
    /// `retry-after` is in lower case, as the Python SDK requires.
    pub(super) fn answer_topic(&self, answer: &Answer) -> String {
        let retry_after =
            answer.retry_after.map_or_else(String::new, |seconds| format!("&retry-after={seconds}"));
        format!("$dps/registrations/res/{}/?$rid={}{retry_after}", answer.status, self.id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn register(id: &str) -> Option<Request> {
        Some(Request { id: id.to_owned(), operation: Operation::Register })
    }

    fn status(id: &str, operation: Option<&str>) -> Option<Request> {
        Some(Request { id: id.to_owned(), operation: Operation::Status(operation.map(str::to_owned)) })
    }

    #[test]
    fn topics_of_requests() {
        let table = [
            ("$dps/registrations/PUT/iotdps-register/?$rid=1", register("1")),
            ("$dps/registrations/PUT/iotdps-register/?$rid=a/?b", register("a/?b")),
            ("$dps/registrations/PUT/iotdps-register/?$rid=a%20b", register("a%20b")),
            // Nothing but the one id gets into the topic of the answer.
            ("$dps/registrations/PUT/iotdps-register/?$rid=a&$rid=b&retry-after=9", register("a")),
            // Seen of a Microchip client: `rid` without `$`, answered with an empty `$rid`.
            ("$dps/registrations/PUT/iotdps-register/?rid=1", register("")),
            ("$dps/registrations/PUT/iotdps-register/?", register("")),
            ("$dps/registrations/PUT/iotdps-register/", None),
            ("$dps/registrations/PUT/iotdps-register", None),
            ("$dps/registrations/GET/iotdps-register/?$rid=1", None),
            ("$dps/registrations/put/iotdps-register/?$rid=1", None),
            (
                "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=4.a.b",
                status("2", Some("4.a.b")),
            ),
            (
                "$dps/registrations/GET/iotdps-get-operationstatus/?operationId=4.a.b&$rid=2",
                status("2", Some("4.a.b")),
            ),
            ("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2", status("2", None)),
            ("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=", status("2", Some(""))),
            ("$dps/registrations/res/200/?$rid=1", None),
            ("devices/x/messages/events/", None),
            ("", None),
        ];
        for (topic, expected) in table {
            assert_eq!(Request::read(topic), expected, "{topic}");
        }
        let long = format!("$dps/registrations/PUT/iotdps-register/?$rid={}", "1".repeat(2000));
        assert_eq!(Request::read(&long), None);
    }

    #[test]
    fn topics_of_answers() {
        let request = Request { id: "7".to_owned(), operation: Operation::Register };
        let answer = |status, retry_after| Answer { retry_after, ..Answer::error(status, 0, "") };
        assert_eq!(
            request.answer_topic(&answer(202, Some(3))),
            "$dps/registrations/res/202/?$rid=7&retry-after=3"
        );
        assert_eq!(request.answer_topic(&answer(200, None)), "$dps/registrations/res/200/?$rid=7");
        let request = Request { id: String::new(), operation: Operation::Register };
        assert_eq!(request.answer_topic(&answer(401, None)), "$dps/registrations/res/401/?$rid=");
    }

    proptest! {
        #[test]
        fn a_request_id_is_echoed_as_it_is(id in "[^&+#\u{0}]{0,200}") {
            let topic = format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid={id}&operationId=5.x");
            prop_assume!(topic.len() <= LONGEST);
            prop_assert_eq!(Request::read(&topic), status(&id, Some("5.x")));
        }

        #[test]
        fn no_topic_is_too_strange(topic in "(\\$dps/registrations/)?(PUT/iotdps-register)?(/\\?)?.{0,80}") {
            let _ = Request::read(&topic);
        }
    }
}
