//! The tutorial's two recorded requests, through the host, by the real handler.
//!
//! The log and the answers: <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.

use std::fs;
use std::path::Path;

use functions_host::Framing;
use serde_json::json;

use super::App;
use crate::program::handler;

const HUB: &str = "contoso-toasters-hub-1098.azure-devices.net";

#[tokio::test]
async fn the_toaster_is_assigned() {
    let body = recorded("contoso-toaster-007");
    let answer = format!("{{\"iotHubHostName\":\"{HUB}\"}}");
    let lines = [
        format!("linkedHub : {HUB}"),
        format!("Selected hub : {HUB}"),
        String::new(),
        "Response".into(),
        answer.clone(),
    ];
    held_to(&body, (200, "application/json; charset=utf-8", &answer), &lines).await;
}

#[tokio::test]
async fn the_heat_pump_is_refused() {
    let body = recorded("contoso-heatpump-088");
    let answer = "Unrecognized device registration.";
    let lines = ["Unknown device registration", "", "Response", answer].map(String::from);
    held_to(&body, (400, "text/plain; charset=utf-8", answer), &lines).await;
}

/// Posts `body` under both framings and compares answer and log with what is expected.
async fn held_to(body: &str, expected: (u16, &str, &str), lines: &[String]) {
    for framing in [Framing::Chunked, Framing::ContentLength] {
        let running = real_app().run_with(|options| options.framing = framing).await;
        let answered = running.post(body).await;
        assert_eq!(answered.summary(), expected, "{framing:?}\n{}", running.log.text());
        let mut log = vec![
            "Executing 'Functions.HttpTrigger1' (Reason='This function was programmatically called via the host APIs.', Id=<id>)".to_owned(),
            "Rust HTTP trigger function processed a request.".to_owned(),
            "Request.Body:...".to_owned(),
            body.to_owned(),
        ];
        log.extend_from_slice(lines);
        log.push("Executed 'Functions.HttpTrigger1' (Succeeded, Id=<id>, Duration=<n>ms)".to_owned());
        let log: Vec<String> = log.into_iter().map(|line| format!("Information {line}")).collect();
        assert_eq!(running.log.call(), log, "{framing:?}");
    }
}

/// An app whose handler is the real one.
fn real_app() -> App {
    let app = App::new();
    // What it says of itself goes nowhere: it would come between the lines of a call, or not, as it happens.
    let script = format!("\"exec '{}' >/dev/null\"", handler().display());
    app.host_json(
        "/customHandler/description",
        json!({"defaultExecutablePath": "sh", "arguments": ["-c", script]}),
    );
    app.function("HttpTrigger1", json!({"authLevel": "function", "methods": ["post"]}));
    app
}

/// A recorded request of the tutorial, which the handler's own tests keep.
fn recorded(name: &str) -> String {
    let requests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/requests");
    fs::read_to_string(requests.join(format!("{name}.json"))).unwrap()
}
