//! Functions without function.json: routes of host.json, the configuration profile, and the handler's pinned port.
//!
//! <https://github.com/Azure/azure-functions-host/pull/11345> and
//! <https://learn.microsoft.com/azure/azure-functions/self-hosted-mcp-servers>

use std::fs;
use std::net::TcpListener;

use functions_host::FunctionKeys;
use serde_json::{Value, json};

use super::App;

/// An app without function.json whose host.json has `http` in its customHandler section, and no route prefix.
fn app(http: Value) -> App {
    let app = App::new();
    fs::remove_file(app.path().join("HttpTrigger1/function.json")).unwrap();
    app.host_json("/customHandler/http", http);
    app.host_json("/extensions", json!({"http": {"routePrefix": ""}}));
    app.settings(json!({"FUNCTIONS_WORKER_RUNTIME": "Custom"}));
    app
}

#[tokio::test]
async fn routes_of_host_json_are_functions_with_a_level_each() {
    let app = app(json!({"defaultAuthorizationLevel": "Anonymous", "routes": [
        {"route": "{*rest}"},
        {"route": "/devices/{id:int}", "authorizationLevel": "function"},
    ]}));
    let running = app.run_with(|options| options.keys = Some(FunctionKeys::with_default("the-key"))).await;
    let port = running.address().port();
    let functions: Vec<_> = running
        .host
        .functions()
        .iter()
        .map(|function| (function.name.clone(), function.url.clone()))
        .collect();
    let url = |path: &str| format!("http://localhost:{port}/{path}");
    let expected = [("http-handler1", url("{*rest}")), ("http-handler2", url("devices/{id:int}"))];
    assert_eq!(functions, expected.map(|(name, url)| (name.to_owned(), url)));

    for (method, target, line) in [
        ("POST", "/", "POST /http-handler1"),
        ("GET", "/", "POST /http-handler1"),
        ("DELETE", "/devices/x", "POST /http-handler1"),
        ("POST", "/devices/7?code=the-key", "POST /http-handler2"),
    ] {
        assert_eq!(running.echo(method, target, &[], "").await["line"], line, "{method} {target}");
    }
    assert_eq!(running.send("POST", "/devices/7", &[], "").await.status, 401);
}

#[tokio::test]
async fn routes_match_as_aspnet_matches_them() {
    // The better one of two that match wins, wherever it stands.
    let templates = [
        "{x}/b",
        "a/{*rest}",
        "a/{id}",
        "a/{id:int}",
        "a//b",
        "devices/{id}",
        "devices/{id:int}/{*rest}",
        "optional/{id?}",
        "numbers/{id:int?}",
        "v{major}.{minor}-x",
        "HttpTrigger1",
    ];
    let routes: Vec<Value> = templates.iter().map(|route| json!({"route": route})).collect();
    let running = app(json!({"routes": routes})).run().await;
    for (path, template, parameters) in [
        ("/z/b", "{x}/b", json!({"x": "z"})),
        ("/a/x/y", "a/{*rest}", json!({"rest": "x/y"})),
        ("/a/x", "a/{id}", json!({"id": "x"})),
        ("/a/7", "a/{id:int}", json!({"id": "7"})),
        ("/a/b", "a//b", json!({})),
        ("/Devices/a%20b", "devices/{id}", json!({"id": "a b"})),
        ("/devices/-4/a/b", "devices/{id:int}/{*rest}", json!({"id": "-4", "rest": "a/b"})),
        ("/optional", "optional/{id?}", json!({"id": null})),
        ("/v1.20-X", "v{major}.{minor}-x", json!({"major": "1", "minor": "20"})),
        ("/httptrigger1", "HttpTrigger1", json!({})),
    ] {
        let echo = running.echo("POST", path, &[], "").await;
        let nth = templates.iter().position(|other| *other == template).unwrap() + 1;
        assert_eq!(echo["line"], format!("POST /http-handler{nth}"), "{path}");
        let envelope: Value = serde_json::from_str(echo["body"].as_str().unwrap()).unwrap();
        assert_eq!(envelope["Data"]["req"]["Params"], parameters, "{path}");
    }
    for path in ["/", "/HttpTrigger1/x", "/devices", "/numbers/x"] {
        assert_eq!(running.send("POST", path, &[], "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn routes_need_a_key_by_default() {
    let app = app(json!({"routes": [{"route": "a"}]}));
    let running = app.run_with(|options| options.keys = Some(FunctionKeys::with_default("the-key"))).await;
    assert_eq!(running.send("POST", "/a", &[], "").await.status, 401);
    assert_eq!(running.send("POST", "/a?code=the-key", &[], "").await.status, 200);
}

#[tokio::test]
async fn mistakes_in_routes_have_a_place() {
    let one = || app(json!({"routes": [{"route": "a"}]}));
    let both = one();
    both.function("HttpTrigger1", json!({}));
    let expected = "HttpTrigger1/function.json: expected no function.json beside the routes of host.json, which define functions too";
    assert_eq!(both.refused().await, expected);

    let other = one();
    other.settings(json!({"FUNCTIONS_WORKER_RUNTIME": "node"}));
    let expected = "host.json: customHandler.http.routes: expected the app setting FUNCTIONS_WORKER_RUNTIME to be custom, as routes need, found \"node\"";
    assert_eq!(other.refused().await, expected);

    let shape = "expected text and parameters such as {name}, {name?}, {name:int} or {*name}";
    for (route, segment, expected) in [
        ("{", "{", shape),
        ("a{b", "a{b", shape),
        ("{}", "{}", shape),
        ("{a:regex}", "{a:regex}", "expected one of alpha, bool, guid, int, long after the colon"),
        ("{*a}/b", "b", "expected optional and catch-all parameters at the end only"),
    ] {
        let refused = app(json!({"routes": [{"route": "a"}, {"route": route}]})).refused().await;
        assert_eq!(refused, format!("host.json: customHandler.http.routes.1.route: {segment:?}: {expected}"));
    }
    let refused = app(json!({"routes": [{"route": "a", "authorizationLevel": "user"}]})).refused().await;
    let expected = "host.json: customHandler.http.routes.0.authorizationLevel: expected anonymous, function or admin, found \"user\"";
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn the_configuration_profile_proxies_everything() {
    let app = App::new();
    fs::remove_file(app.path().join("HttpTrigger1/function.json")).unwrap();
    app.host_json("/configurationProfile", "MCP-custom-handler".into());
    app.settings(json!({"FUNCTIONS_WORKER_RUNTIME": "custom"}));
    let running = app.run().await;
    let answered = running.send("PUT", "/mcp/a?b=c", &[], "hello").await;
    let envelope: Value = serde_json::from_str(&answered.body).unwrap();
    let echo: Value = serde_json::from_str(envelope["Outputs"]["res"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(echo["line"], "PUT /mcp/a?b=c");

    let app = App::new();
    app.host_json("/configurationProfile", "other".into());
    let expected = "host.json: configurationProfile: expected \"default\" or \"mcp-custom-handler\"";
    assert_eq!(app.refused().await, expected);
}

#[tokio::test]
async fn the_handlers_port_may_be_pinned() {
    // None that the system assigns, so that no other test is given it.
    let free = (15_000..20_000).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).unwrap();
    let port = free.local_addr().unwrap().port();
    let pinned = || {
        let app = App::new();
        app.host_json("/customHandler/port", port.to_string().into());
        app
    };
    let refused = pinned().refused().await;
    let expected = format!("customHandler.port {port}: Address already in use (os error 98)");
    assert!(refused.ends_with(&expected), "{refused}");

    drop(free);
    let echo = pinned().run().await.echo("POST", "/api/HttpTrigger1", &[], "").await;
    assert_eq!(echo["environment"]["FUNCTIONS_CUSTOMHANDLER_PORT"], port.to_string());

    let app = App::new();
    app.host_json("/customHandler/port", "many".into());
    assert_eq!(app.refused().await, "host.json: customHandler.port: expected a port, 1 to 65535");
}
