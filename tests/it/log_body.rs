//! `ALLOCATION_LOG_BODY`: devices put tokens into payloads, and a log is no place for them.

use serde_json::{Value, json};

use crate::app_folder::AppFolder;
use crate::envelope::{self, PROCESSED, TOASTER};
use crate::http;
use crate::process::{self, Handler};

const SECRET: &str = "s3cr3t-of-the-device";

fn start(log_body: &str, folder: &AppFolder) -> Handler {
    let mut command = process::command(&[("ALLOCATION_LOG_BODY", log_body)]);
    Handler::spawn(command.current_dir(folder.path()))
}

/// The toaster's request with this payload.
fn with_payload(payload: Value) -> String {
    let mut body: Value = serde_json::from_str(TOASTER).unwrap();
    body["deviceRuntimeContext"]["payload"] = payload;
    body.to_string()
}

#[test]
fn the_log_shows_as_much_of_a_body_as_the_setting_says() {
    let body = with_payload(json!({ "token": SECRET }));
    let without = with_payload(json!("(not shown)"));
    let none = format!("(not shown: {} bytes)", body.len());
    let folder = AppFolder::with(&[]);
    for (log_body, shown) in [("full", &body), ("without-payload", &without), ("none", &none)] {
        let handler = start(log_body, &folder);
        let reply = envelope::call(handler.address, &envelope::of(&body));
        assert_eq!(reply.status, 200);
        assert_eq!(reply.log[..3], [PROCESSED, "Request.Body:...", shown], "{log_body}");
        assert_eq!(http::post(handler.address, "/api/HttpTrigger1", &[], &body).status, 200);
        let stdout = handler.stop().stdout;
        assert!(stdout.contains(&format!("[Information] {shown}\n")), "{log_body}: {stdout}");
        assert_eq!(stdout.contains(SECRET), log_body == "full", "{log_body}: {stdout}");
    }
}

#[test]
fn a_payload_is_not_shown_however_it_is_sent() {
    let folder = AppFolder::with(&[]);
    for log_body in ["without-payload", "none"] {
        let handler = start(log_body, &folder);
        let payload = format!(r#"{{"token":"{SECRET}"}}"#);
        for body in [
            // Twice, of which the last counts; spelled in another way; in what is not JSON; in place of the body.
            format!(r#"{{"deviceRuntimeContext":{{"registrationId":"a","payload":{payload},"payload":1}}}}"#),
            format!(r#"{{"deviceRuntimeContext":{{"payload":{payload}}},"deviceRuntimeContext":{{}}}}"#),
            format!(r#"{{"deviceRuntimeContext":{{"registrationId":"a","p\u0061yload":{payload}}}}}"#),
            format!(r#"{{"deviceRuntimeContext":{{"registrationId":"a","payload":{payload}}}"#),
            format!(r#""{SECRET}""#),
            format!(r#"{{"deviceRuntimeContext":"{SECRET}"}}"#),
            format!(r#"{{"deviceRuntimeContext":{{"registrationId":["{SECRET}"]}}}}"#),
            format!(
                r#"{{"deviceRuntimeContext":{{"payload":{}"{SECRET}"{}}}}}"#,
                "[".repeat(500),
                "]".repeat(500)
            ),
        ] {
            let reply = envelope::call(handler.address, &envelope::of(&body));
            let said = format!("{reply:?}");
            // What is no payload stays in the log of its body, and nowhere else.
            let is_payload = body.contains("payload");
            assert!(!reply.body.contains(SECRET), "{log_body}: {body:.200}: {said}");
            assert!(!is_payload || !said.contains(SECRET), "{log_body}: {body:.200}: {said}");
            assert!(log_body != "none" || !said.contains(SECRET), "{body:.200}: {said}");
        }
    }
}

#[cfg(feature = "rules")]
#[test]
fn a_rule_that_fails_on_a_payload_does_not_show_it() {
    let rules = "rules:\n  - name: by token\n    when: payload.token > 5\n    hub: linkedHubs[0]\n";
    let folder = AppFolder::with(&[("allocation.yaml", rules)]);
    for payload in [
        json!({ "token": SECRET }),
        json!({ "token": { SECRET: SECRET } }),
        json!({ SECRET: 1 }),
        json!([SECRET]),
        json!(SECRET),
    ] {
        for log_body in ["without-payload", "none"] {
            let handler = start(log_body, &folder);
            let reply = envelope::call(handler.address, &envelope::of(&with_payload(payload.clone())));
            assert_eq!(reply.status, 400, "{payload}: {reply:?}");
            assert!(reply.body.contains("by token"), "it still names the rule: {reply:?}");
            assert!(!format!("{reply:?}").contains(SECRET), "{log_body}: {payload}: {reply:?}");
        }
    }
}
