use crate::envelope::{self, HEAT_PUMP, HUB, PROCESSED, Reply, TOASTER};
use crate::http;
use crate::process::Handler;

fn toaster() -> Reply {
    Reply {
        status: 200,
        content_type: "application/json; charset=utf-8".to_owned(),
        body: format!(r#"{{"iotHubHostName":"{HUB}"}}"#),
        log: vec![
            PROCESSED.to_owned(),
            "Request.Body:...".to_owned(),
            TOASTER.to_owned(),
            format!("linkedHub : {HUB}"),
            format!("Selected hub : {HUB}"),
            "\nResponse".to_owned(),
            format!(r#"{{"iotHubHostName":"{HUB}"}}"#),
        ],
    }
}

fn heat_pump() -> Reply {
    Reply {
        status: 400,
        content_type: "text/plain; charset=utf-8".to_owned(),
        body: "Unrecognized device registration.".to_owned(),
        log: vec![
            PROCESSED.to_owned(),
            "Request.Body:...".to_owned(),
            HEAT_PUMP.to_owned(),
            "Unknown device registration".to_owned(),
            "\nResponse".to_owned(),
            "Unrecognized device registration.".to_owned(),
        ],
    }
}

#[test]
fn the_recorded_requests_in_envelopes() {
    let handler = Handler::start();
    assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)), toaster());
    assert_eq!(envelope::call(handler.address, &envelope::of(HEAT_PUMP)), heat_pump());
    let ended = handler.stop();
    assert!(!ended.stdout.contains("contoso"), "what travels in Logs is not printed again: {ended:?}");
}

#[test]
fn the_recorded_requests_as_they_are() {
    for path in ["/api/HttpTrigger1", "/api/httptrigger1", "/API/HTTPTRIGGER1"] {
        let handler = Handler::start();
        for (request, expected) in [(TOASTER, toaster()), (HEAT_PUMP, heat_pump())] {
            let response =
                http::post(handler.address, path, &[("content-type", "application/json")], request);
            assert_eq!(u64::from(response.status), expected.status, "{path}: {response:?}");
            assert_eq!(response.header("content-type"), Some(expected.content_type.as_str()), "{response:?}");
            assert_eq!(response.body, expected.body);
        }
        // A line a record; the sample's `\nResponse` shows as an empty line before its own.
        let expected: Vec<String> = [toaster(), heat_pump()]
            .iter()
            .flat_map(|reply| &reply.log)
            .flat_map(|entry| entry.split('\n').map(str::to_owned))
            .collect();
        assert_eq!(function_lines(&handler.stop().stdout), expected, "{path}");
    }
}

/// The lines between those of the start and the one that says why it stops,
/// without their stamps.
fn function_lines(stdout: &str) -> Vec<String> {
    let lines: Vec<&str> = stdout.lines().collect();
    lines[3..lines.len() - 1]
        .iter()
        .map(|line| line.split_once(" [Information] ").expect("the portal's form").1.to_owned())
        .collect()
}
