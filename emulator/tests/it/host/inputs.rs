//! Input bindings beside the trigger, filled from CSV files.
//!
//! The shapes: <https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-table-input> and
//! <https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-input>, as
//! azure-functions-host 4.1037.0 was seen to give them.

use std::fs;
use std::path::PathBuf;

use functions_host::{Executable, HostOptions};
use journal::Level;
use serde_json::{Value, json};

use super::{App, Running};
use crate::program::{emulator, handler, run};

const DEVICES: &str =
    "id,Hub,Count,Active,Site,Since\ntoaster-1,hub-a,3,true,,2024-01-02\ntoaster-2,hub-b,007,no,Rome,\n";

fn table() -> Value {
    json!({
        "type": "table", "direction": "in", "name": "device", "tableName": "devices",
        "partitionKey": "devices", "rowKey": "{deviceRuntimeContext.registrationId}",
    })
}

fn blob() -> Value {
    json!({
        "type": "blob", "direction": "in", "name": "device",
        "path": "devices/{deviceRuntimeContext.registrationId}.json",
    })
}

/// An app whose function has the input binding `input` besides, and its file of devices.
fn app(input: &Value, devices: &str) -> (App, PathBuf) {
    let app = App::new();
    let trigger = json!({"type": "httpTrigger", "direction": "in", "name": "req", "methods": ["post"]});
    let output = json!({"type": "http", "direction": "out", "name": "res"});
    app.write("HttpTrigger1/function.json", &json!({"bindings": [trigger, input, output]}));
    let file = app.path().join("devices.csv");
    fs::write(&file, devices).unwrap();
    (app, file)
}

async fn running(input: &Value) -> Running {
    let (app, file) = app(input, DEVICES);
    app.run_with(|options| options.inputs = [("device".to_owned(), file)].into()).await
}

async fn refused(input: &Value, devices: &str, name: &str) -> String {
    let (app, file) = app(input, devices);
    app.refused_with(|options| options.inputs = [(name.to_owned(), file)].into()).await
}

/// `Data.device` in a call for this registration id.
async fn device(running: &Running, id: Value) -> Value {
    let body = json!({"deviceRuntimeContext": {"registrationId": id}}).to_string();
    running.envelope("POST", "/api/HttpTrigger1", &[], &body).await["Data"]["device"].clone()
}

#[tokio::test]
async fn a_table_input_is_the_row_of_the_registration_id() {
    let running = running(&table()).await;
    let row = device(&running, "toaster-1".into()).await;
    let expected = r#"{"Hub":"hub-a","Count":3,"Active":true,"Since":"2024-01-02","PartitionKey":"devices","RowKey":"toaster-1"}"#;
    assert_eq!(row.to_string(), expected);
    let row = device(&running, "toaster-2".into()).await;
    let expected = r#"{"Hub":"hub-b","Count":"007","Active":"no","Site":"Rome","PartitionKey":"devices","RowKey":"toaster-2"}"#;
    assert_eq!(row.to_string(), expected);
    for missing in [json!("toaster-3"), Value::Null] {
        assert_eq!(device(&running, missing).await, "null");
    }
}

#[tokio::test]
async fn a_blob_input_is_a_text_encoded_twice() {
    let running = running(&blob()).await;
    let expected = json!(r#""{\"Hub\":\"hub-a\",\"Count\":3,\"Active\":true,\"Since\":\"2024-01-02\"}""#);
    assert_eq!(device(&running, "toaster-1".into()).await, expected);
    assert_eq!(device(&running, "toaster-3".into()).await, "null");
}

#[tokio::test]
async fn a_body_without_the_inputs_key_is_a_500_before_the_handler_is_called() {
    let running = running(&table()).await;
    let id = "{\"deviceRuntimeContext\":{\"registrationId\":\"toaster-1\"}}";
    for body in ["{\"deviceRuntimeContext\":{}}", "[]", "no json", ""] {
        let answered = running.send("POST", "/api/HttpTrigger1", &[], body).await;
        assert_eq!(answered.summary(), (500, "-", ""), "{body}");
    }
    let chunked = format!(
        "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{id}\r\n0\r\n\r\n",
        id.len()
    );
    assert_eq!(running.send_raw(chunked.as_bytes()).await.summary(), (500, "-", ""));
    let last = running.log.lines().pop().unwrap();
    let expected =
        "an input binding needs {deviceRuntimeContext.registrationId}: expected a JSON body with this member";
    assert!(last.ends_with(expected), "{last}");
}

#[tokio::test]
async fn an_input_without_rows_is_a_warning_and_rows_without_an_input_a_mistake() {
    let (app, _) = app(&table(), DEVICES);
    let running = app.run().await;
    let expected = "HttpTrigger1 is called without its input device: no storage account is read here; give it rows with --input device=FILE.csv";
    running.log.wait_for(Level::Warning, expected).await;
    assert_eq!(device(&running, "toaster-1".into()).await, Value::Null);

    let error = refused(&table(), DEVICES, "devise").await;
    assert!(error.ends_with(": no function has an input binding \"devise\" to fill"), "{error}");
    let error = refused(&table(), "id,a\nx,1\nx,2\n", "device").await;
    assert_eq!(error, "devices.csv: expected each id once, found \"x\" twice");
    let error = refused(&table(), "id,a\nx\n", "device").await;
    assert!(error.starts_with("devices.csv: CSV error: record 1 (line: 2, byte: 5)"), "{error}");
    let queue = json!({"type": "sql", "direction": "in", "name": "device"});
    let error = refused(&queue, DEVICES, "device").await;
    assert_eq!(
        error,
        "HttpTrigger1/function.json: device: expected an input of type table or blob, found \"sql\""
    );
    let error =
        refused(&json!({"type": "table", "direction": "in", "name": "device"}), DEVICES, "device").await;
    assert_eq!(error, "HttpTrigger1/function.json: device: expected a rowKey or path, such as \"{id}\"");
}

#[test]
fn the_command_line_takes_inputs_by_name() {
    for command in ["host", "up", "tutorial", "fleet"] {
        let ended = run(&mut emulator([command, "--input", "devices.csv"]), "");
        assert_eq!(ended.code, 2, "{ended}");
        assert!(ended.stderr.contains("expected NAME=FILE.csv, such as device=devices.csv"), "{ended}");
    }
    let (app, _) = app(&table(), DEVICES);
    let mut command = emulator(["host", "--port", "0", "--input", "device=no-such.csv", "--app"]);
    let ended = run(command.arg(app.path()), "");
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stderr.contains("no-such.csv: "), "{ended}");
}

#[tokio::test]
async fn the_real_handler_looks_devices_up_in_a_table_input() {
    let (app, file) = app(&table(), "id,Hub\ntoaster-1,contoso-b\n");
    fs::write(
        app.path().join("allocation.yaml"),
        "lookups:\n  device: { input: device }\nrules:\n  - name: unknown\n    when: device == null\n    refuse: The device is not in the registry.\n  - name: registry\n    hub: linkedHubs.filter(h, h.startsWith(device.Hub + \".\"))[0]\n",
    )
    .unwrap();
    let change = |options: &mut HostOptions| {
        options.executable = Executable::This(handler());
        options.inputs = [("device".to_owned(), file)].into();
    };
    let running = app.run_with(change).await;
    for (id, status, answer) in [
        ("toaster-1", 200, "{\"iotHubHostName\":\"contoso-b.azure-devices.net\"}"),
        ("toaster-3", 400, "The device is not in the registry."),
    ] {
        let body = json!({
            "deviceRuntimeContext": {"registrationId": id},
            "linkedHubs": ["contoso-a.azure-devices.net", "contoso-b.azure-devices.net"],
        });
        let answered = running.post(&body.to_string()).await;
        assert_eq!((answered.status, &*answered.body), (status, answer), "{}", running.log.text());
    }
}
