use std::path::Path;

use dps_custom_allocation::app::App;
use serde_json::{Value, json};

use crate::envelope::TOASTER;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn host_json_runs_the_handler_in_envelope_mode() {
    let host = read_json("host.json");
    assert_eq!(host["version"], "2.0");
    let handler = &host["customHandler"];
    assert_eq!(
        handler["description"],
        json!({ "defaultExecutablePath": "handler" }),
        "Core Tools makes exactly the file of this name executable"
    );
    assert!(env!("CARGO_BIN_EXE_handler").ends_with("/handler"), "and Cargo builds a file of this name");
    assert_eq!(handler["enableForwardingHttpRequest"], false);
    assert_eq!(handler.get("enableProxyingHttpRequest"), None);
    assert_eq!(host.get("extensionBundle"), None, "an HTTP trigger needs none, and func would download it");
    assert_eq!(host.pointer("/extensions/http/routePrefix"), None, "the documents count on the prefix api");
    let kept = host.pointer("/logging/applicationInsights/samplingSettings/excludedTypes").unwrap();
    assert!(kept.as_str().unwrap().split(';').any(|kind| kind == "Trace"), "no decision is sampled away");
}

#[test]
fn function_json_is_what_the_routes_serve() {
    let function = read_json("HttpTrigger1/function.json");
    assert_eq!(
        function,
        json!({ "bindings": [
            { "authLevel": "function", "type": "httpTrigger", "direction": "in", "name": "req", "methods": ["post"] },
            { "type": "http", "direction": "out", "name": "res" },
        ] }),
        "one HTTP trigger and one HTTP output: with any other binding the host would not forward or proxy"
    );
    let app = App::load(env!("CARGO_MANIFEST_DIR").as_ref(), &|_| None).unwrap();
    assert_eq!(app.routes(), "HttpTrigger1 at POST /api/HttpTrigger1");
}

#[test]
fn the_sample_of_the_test_pane_is_the_toaster() {
    assert_eq!(read("HttpTrigger1/sample.dat"), TOASTER);
}

#[test]
fn local_settings_hold_nothing_secret() {
    assert_eq!(
        read_json("local.settings.json"),
        json!({ "IsEncrypted": false, "Values": {
            "FUNCTIONS_WORKER_RUNTIME": "custom",
            "AzureWebJobsStorage": "",
            // Empty, it is as if it were not there: the app's rules file decides, or else the tutorial's policy.
            "ALLOCATION_POLICY": "",
            "ALLOCATION_LOG_BODY": "full",
            "ALLOCATION_LOOKUP_TIMEOUT": "3",
        } }),
        "this file is in git: settings of one's own belong into the environment"
    );
}
