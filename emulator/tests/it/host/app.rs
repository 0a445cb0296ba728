//! Mistakes in an app's folder, each reported with file and place.

use std::fs;
use std::net::TcpListener;

use functions_host::{FunctionsHost, HostOptions};
use journal::{Journal, Level};
use serde_json::{Value, json};

use super::App;

/// The error of an app whose `file` has these contents.
async fn refused(file: &str, contents: &str) -> String {
    let app = App::new();
    fs::write(app.path().join(file), contents).unwrap();
    app.refused().await
}

#[tokio::test]
async fn mistakes_in_host_json_have_a_place() {
    const TIMEOUT: &str = "host.json: functionTimeout: expected a time span, such as \"00:05:00\", or \"-1\"";
    let with = |pointer: &str, value: Value| {
        let app = App::new();
        app.host_json(pointer, value);
        app
    };
    for (pointer, value, expected) in [
        ("/version", json!("1.0"), "host.json: version: expected \"2.0\""),
        ("/version", json!(null), "host.json: version: expected \"2.0\""),
        ("/functionTimeout", json!("soon"), TIMEOUT),
        ("/functionTimeout", json!("00:60:00"), TIMEOUT),
        ("/functionTimeout", json!("00:00:-1"), TIMEOUT),
        ("/functionTimeout", json!("00:00:00:00"), TIMEOUT),
        ("/functionTimeout", json!(5), TIMEOUT),
        (
            "/customHandler",
            json!({}),
            "host.json: customHandler.description: expected the description of a handler: customHandler.description",
        ),
        (
            "/customHandler/description",
            json!({"arguments": []}),
            "host.json: customHandler.description: expected the description of a handler: customHandler.description",
        ),
        (
            "/customHandler/description/defaultExecutablePath",
            json!(""),
            "host.json: customHandler.description.defaultExecutablePath: expected the handler's executable",
        ),
        (
            "/customHandler/description/defaultExecutablePath",
            json!(["a"]),
            "host.json: customHandler.description.defaultExecutablePath: expected one value, found an object or array",
        ),
        (
            "/customHandler/enableForwardingHttpRequest",
            json!("yes"),
            "host.json: customHandler.enableForwardingHttpRequest: expected true or false",
        ),
    ] {
        assert_eq!(with(pointer, value.clone()).refused().await, expected, "{pointer} {value}");
    }
    let app = with("/customHandler/description/workingDirectory", json!("nowhere"));
    let refused = app.refused().await;
    assert!(
        refused.starts_with(
            "host.json: customHandler.description.workingDirectory: expected an existing folder, found none at "
        ),
        "{refused}"
    );

    assert_eq!(
        refused_text("{\n  \"version\": \"2.0\"\n  \"a\": 1\n}").await,
        "host.json: invalid JSON: Expected comma on line 2 column 19"
    );
    assert_eq!(refused_text("[]").await, "host.json: expected a JSON object");
    assert_eq!(
        refused_text("{} {}").await,
        "host.json: invalid JSON: Text cannot contain more than one JSON value on line 1 column 4"
    );
}

async fn refused_text(contents: &str) -> String {
    refused("host.json", contents).await
}

#[tokio::test]
async fn mistakes_in_local_settings_have_a_place_and_no_secret() {
    for (contents, expected) in [
        (
            json!({"IsEncrypted": true}),
            "local.settings.json: IsEncrypted: expected plain values, found encrypted ones: run `func settings decrypt`",
        ),
        (json!({"Values": ["hidden"]}), "local.settings.json: Values: expected an object of strings"),
        (
            json!({"Values": {"A": {"b": "hidden"}}}),
            "local.settings.json: Values.A: expected a string, a number or a boolean",
        ),
        (
            json!({"Values": {"A=B": "hidden"}}),
            "local.settings.json: Values.A=B: expected a name and value that an environment variable can have",
        ),
        (
            json!({"Values": {"AzureFunctionsJobHost__functionTimeout": "hidden"}}),
            "host.json: app setting AzureFunctionsJobHost__functionTimeout: expected a time span, such as \"00:05:00\", or \"-1\"",
        ),
    ] {
        assert_eq!(refused("local.settings.json", &contents.to_string()).await, expected);
    }
}

#[tokio::test]
async fn mistakes_in_function_json_have_a_place() {
    let trigger = json!({"type": "httpTrigger", "direction": "in", "name": "req"});
    let with = |change: Value| {
        let mut trigger = trigger.clone();
        trigger.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"bindings": [trigger]})
    };
    for (contents, expected) in [
        (json!({}), "missing field `bindings`"),
        (
            with(json!({"methods": ["get", 7]})),
            "bindings[0].methods[1]: expected a string, found integer `7`",
        ),
        (
            with(json!({"name": "my-req"})),
            "bindings[0].name: expected a letter, then up to 127 letters and digits, or $return",
        ),
        (
            with(json!({"route": "a{b"})),
            "bindings[0].route: \"a{b\": expected text and parameters such as {name}, {name?}, {name:int} or {*name}",
        ),
        (
            with(json!({"authLevel": "user"})),
            "bindings[0].authLevel: expected anonymous, function or admin, found \"user\"",
        ),
        (
            json!({"bindings": [trigger, {"type": "http", "direction": "in", "name": "res"}]}),
            "bindings[1].direction: expected \"out\" for the output res",
        ),
    ] {
        let refused = refused("HttpTrigger1/function.json", &contents.to_string()).await;
        assert_eq!(refused, format!("HttpTrigger1/function.json: {expected}"), "{contents}");
    }
    let app = App::new();
    app.function("1st", json!({}));
    assert_eq!(
        app.refused().await,
        "1st/function.json: the folder's name \"1st\" is not a valid function name: expected a letter, then up to 127 letters, digits, - and _"
    );
}

#[tokio::test]
async fn a_folder_without_app_is_refused() {
    let app = App::new();
    fs::remove_file(app.path().join("host.json")).unwrap();
    assert_eq!(app.refused().await, "host.json: no such file; expected the folder of a Functions app");
    let app = App::new();
    fs::remove_file(app.path().join("HttpTrigger1/function.json")).unwrap();
    let refused = app.refused().await;
    assert!(
        refused
            .ends_with(": no function found; expected a folder with a function.json, such as HttpTrigger1"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_cannot_be_served_is_left_out_with_a_warning() {
    let app = App::new();
    app.function("Off", json!({}));
    app.settings(json!({"AzureWebJobs.Off.Disabled": "true"}));
    let queue = json!({"type": "queueTrigger", "direction": "in", "name": "item", "queueName": "q"});
    app.write("Queue/function.json", &json!({"bindings": [queue]}));
    let running = app.run().await;
    running.log.wait_for(Level::Warning, "Off is not served: it is disabled").await;
    running
        .log
        .wait_for(
            Level::Warning,
            "Queue is not served: it has no httpTrigger, the only trigger supported here",
        )
        .await;
    assert_eq!(running.send("POST", "/api/Off", &[], "").await.summary(), (404, "-", ""));
    assert_eq!(running.host.functions().len(), 1);
}

#[tokio::test]
async fn a_byte_order_mark_and_comments_are_no_mistake() {
    let app = App::new();
    app.settings(json!({"URL": "http://localhost/*"}));
    for file in ["host.json", "local.settings.json", "HttpTrigger1/function.json"] {
        let file = app.path().join(file);
        let contents = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("\u{feff}// before\n{contents} /* after */")).unwrap();
    }
    let echo = app.run().await.echo("POST", "/api/HttpTrigger1", &[], "").await;
    assert_eq!(echo["environment"]["URL"], "http://localhost/*");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let app = App::new();
    let options = HostOptions { port, ..HostOptions::new(app.path()) };
    let error = FunctionsHost::start(options, Journal::kept().0).await.map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen at 127.0.0.1:{port}: Address already in use (os error 98); end what listens there, such as another `func start`, or choose another --port"
        )
    );
}

#[tokio::test]
async fn the_function_list_is_printed() {
    let app = App::new();
    app.function("Any", json!({"route": "any/{id?}"}));
    let running = app.run().await;
    let port = running.address().port();
    let expected = [
        "Information ".to_owned(),
        "Information Functions:".to_owned(),
        "Information ".to_owned(),
        format!("Information \tAny: http://localhost:{port}/api/any/{{id?}}"),
        "Information ".to_owned(),
        format!("Information \tHttpTrigger1: [GET,POST] http://localhost:{port}/api/HttpTrigger1"),
        "Information ".to_owned(),
        "Information Worker process started and initialized.".to_owned(),
    ];
    assert_eq!(running.log.lines(), expected);
}
