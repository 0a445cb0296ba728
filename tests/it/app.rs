//! The app's own names: whatever its functions, bindings and routes are called, the handler serves exactly those.

use serde_json::{Value, json};

use crate::app_folder::AppFolder;
use crate::envelope::{self, HOST_HEADERS, TOASTER};
use crate::http::{self, Response};
use crate::process::{self, Handler, UNDER_HOST};

const ASSIGNED: &str = r#"{"iotHubHostName":"contoso-toasters-hub-1098.azure-devices.net"}"#;

/// The handler of the app in this folder, by the variable of the host.
fn start(folder: &AppFolder) -> Handler {
    let mut command = process::command(UNDER_HOST);
    Handler::spawn(command.env("FUNCTIONS_APP_ROOT_PATH", folder.path()).current_dir("/"))
}

/// An envelope of the tutorial's toaster for a trigger of this name.
fn envelope_for(trigger: &str) -> String {
    json!({ "Data": { trigger: envelope::of(TOASTER)["Data"]["req"] }, "Metadata": {} }).to_string()
}

fn is_reply(response: &Response, output: &str) -> bool {
    let Ok(reply) = serde_json::from_str::<Value>(&response.body) else { return false };
    response.status == 200
        && reply["Outputs"][output]["statusCode"] == 200
        && reply["Outputs"][output]["body"] == ASSIGNED
        && reply["Logs"][2] == TOASTER
}

fn is_raw_answer(response: &Response) -> bool {
    response.status == 200
        && response.body == ASSIGNED
        && response.header("content-type") == Some("application/json; charset=utf-8")
}

#[test]
fn an_apps_names_and_routes_are_served() {
    struct Case {
        folder: AppFolder,
        envelope: (&'static str, &'static str, &'static str),
        raw: &'static [&'static str],
        not_found: &'static [&'static str],
        said: &'static str,
    }
    let prefix =
        |prefix: &str| format!(r#"{{"version":"2.0","extensions":{{"http":{{"routePrefix":"{prefix}"}}}}}}"#);
    let function = AppFolder::with_function;
    let cases = [
        Case {
            folder: function("Allocate", "req", "res", None, &[]),
            envelope: ("/Allocate", "req", "res"),
            raw: &["/api/Allocate", "/API/allocate/"],
            not_found: &["/allocate", "/HttpTrigger1", "/api/HttpTrigger1", "/api"],
            said: "Allocate at POST /api/Allocate",
        },
        Case {
            folder: function("Allocate", "req", "res", Some("HttpTrigger1"), &[]),
            envelope: ("/Allocate", "req", "res"),
            raw: &["/api/HttpTrigger1"],
            not_found: &["/HttpTrigger1", "/api/Allocate"],
            said: "Allocate at POST /api/HttpTrigger1",
        },
        Case {
            folder: function("HttpTrigger1", "req", "res", Some("/allocate/now"), &[]),
            envelope: ("/HttpTrigger1", "req", "res"),
            raw: &["/api/allocate/now", "/api/Allocate/NOW", "/api/%61llocate/now"],
            not_found: &["/api/HttpTrigger1", "/api/allocate", "/api/allocate/now/x"],
            said: "HttpTrigger1 at POST /api/allocate/now",
        },
        Case {
            folder: function("httptrigger1", "request", "response", None, &[("host.json", &prefix("v1"))]),
            envelope: ("/httptrigger1", "request", "response"),
            raw: &["/v1/httptrigger1", "/V1/HttpTrigger1"],
            not_found: &["/HttpTrigger1", "/api/httptrigger1"],
            said: "httptrigger1 at POST /v1/httptrigger1",
        },
        Case {
            folder: function(
                "Allocate",
                "req",
                "$return",
                Some("dps/{tenant:alpha}/v{version}-{kind}/{id?}"),
                &[],
            ),
            envelope: ("/Allocate", "req", "$return"),
            raw: &["/api/dps/contoso/v2-x", "/api/dps/contoso/V2-x/7", "/api/dps/contoso/v2-x/7/"],
            not_found: &[
                "/api/dps/contoso",
                "/api/dps//v2-x",
                "/api/dps/contoso/v2",
                "/api/dps/contoso/v2-x/7/8",
            ],
            said: "Allocate at POST /api/dps/{tenant:alpha}/v{version}-{kind}/{id?}",
        },
        Case {
            folder: function("Allocate", "req", "res", Some("{*rest}"), &[("host.json", &prefix("dps"))]),
            envelope: ("/Allocate", "req", "res"),
            raw: &["/dps", "/dps/", "/dps/a", "/dps/a/b/c"],
            not_found: &["/dp", "/api/Allocate"],
            said: "Allocate at POST /dps/{*rest}",
        },
        // Without any file the tutorial's names hold, and its folder is not needed.
        Case {
            folder: AppFolder::with(&[]),
            envelope: ("/HttpTrigger1", "req", "res"),
            raw: &["/api/HttpTrigger1"],
            not_found: &["/httptrigger1", "/api"],
            said: "HttpTrigger1 at POST /api/HttpTrigger1",
        },
        // A function that no request triggers is none of ours.
        Case {
            folder: AppFolder::with(&[
                ("host.json", r#"{"version":"2.0"}"#),
                (
                    "Nightly/function.json",
                    r#"{"bindings":[{"type":"timerTrigger","direction":"in","name":"t"}]}"#,
                ),
            ]),
            envelope: ("/HttpTrigger1", "req", "res"),
            raw: &["/api/HttpTrigger1"],
            not_found: &["/Nightly"],
            said: "HttpTrigger1 at POST /api/HttpTrigger1",
        },
        // What the host's JSON reader takes beyond JSON.
        Case {
            folder: AppFolder::with(&[(
                "Allocate/function.json",
                "\u{feff}{ // a comment\n 'bindings': [ {\"Type\":0,\"type\":\"HTTPTrigger\",\"direction\":\"In\",\"name\":\"req\",}, \
                 /* another */ {\"type\":\"http\",\"direction\":\"out\",\"name\":\"res\"}, ] }",
            )]),
            envelope: ("/Allocate", "req", "res"),
            raw: &["/api/Allocate"],
            not_found: &["/HttpTrigger1"],
            said: "Allocate at POST /api/Allocate",
        },
    ];
    for Case { folder, envelope: (path, trigger, output), raw, not_found, said } in cases {
        let handler = start(&folder);
        let reply = http::post(handler.address, path, HOST_HEADERS, envelope_for(trigger));
        assert!(is_reply(&reply, output), "{said}: {path}: {reply:?}");
        for path in raw {
            let answer = http::post(handler.address, path, &[], TOASTER);
            assert!(is_raw_answer(&answer), "{said}: {path}: {answer:?}");
        }
        for path in not_found {
            let answer = http::post(handler.address, path, &[], TOASTER);
            assert_eq!(answer.status, 404, "{said}: {path}: {answer:?}");
            assert_eq!(
                answer.body,
                format!("There is nothing here. Expected an allocation request: {said}.")
            );
        }
        let ended = handler.stop();
        assert_eq!(ended.stdout.lines().nth(1), Some(format!("Functions: {said}").as_str()), "{ended:?}");
        let lines: Vec<String> = not_found
            .iter()
            .map(|path| format!("Warning: No function takes POST {path}. This app has {said}."))
            .collect();
        assert_eq!(ended.stderr.lines().collect::<Vec<_>>(), lines, "said where the host shows it");
    }
}

#[test]
fn several_functions_are_served_each_with_its_own_names() {
    let one = |trigger: &str, output: &str| {
        format!(
            r#"{{"bindings":[{{"type":"httpTrigger","direction":"in","name":"{trigger}"}},{{"type":"http","direction":"out","name":"{output}"}}]}}"#
        )
    };
    let folder = AppFolder::with(&[
        ("Beta/function.json", &one("request", "$return")),
        ("Alpha/function.json", &one("req", "res")),
    ]);
    let handler = start(&folder);
    let call =
        |path: &str, trigger: &str| http::post(handler.address, path, HOST_HEADERS, envelope_for(trigger));
    assert!(is_reply(&call("/Alpha", "req"), "res"));
    assert!(is_reply(&call("/Beta", "request"), "$return"));
    assert_eq!(
        serde_json::from_str::<Value>(&call("/Beta", "req").body).unwrap()["Outputs"]["$return"]["body"],
        "The invocation cannot be read: missing member `request` at line 1 column 1471; expected it as the Functions host \
         sends it, {\"Data\":{\"request\":{\"Body\":\"…\"}}}."
    );
    assert_eq!(http::get(handler.address, "/").body, "Ready: Alpha, Beta.");
    let ended = handler.stop();
    assert_eq!(
        ended.stdout.lines().nth(1),
        Some("Functions: Alpha at POST /api/Alpha, Beta at POST /api/Beta")
    );
}

/// <https://github.com/Azure/azure-functions-host/pull/11345>: the host names such functions itself.
#[test]
fn functions_that_are_routes_in_host_json_are_served() {
    let folder = AppFolder::with(&[(
        "host.json",
        r#"{"version":"2.0","extensions":{"http":{"routePrefix":""}},"customHandler":{
            "description":{"defaultExecutablePath":"handler"},"enableProxyingHttpRequest":true,
            "http":{"defaultAuthorizationLevel":"anonymous","routes":[{"route":"dps"},{"route":"x/{*route}"}]}}}"#,
    )]);
    let handler = start(&folder);
    for path in ["/dps", "/x", "/x/y/z"] {
        assert!(is_raw_answer(&http::post(handler.address, path, &[], TOASTER)), "{path}");
    }
    for path in ["/http-handler1", "/http-handler2"] {
        assert!(
            is_reply(&http::post(handler.address, path, HOST_HEADERS, envelope_for("req")), "res"),
            "{path}"
        );
    }
    assert_eq!(http::get(handler.address, "/").status, 200, "the host still learns that it is ready");
}

#[test]
fn a_path_that_both_share_is_judged_by_its_body_and_by_host_json() {
    let host = |says: &str| {
        format!(
            r#"{{"extensions":{{"http":{{"routePrefix":""}}}},"customHandler":{{"description":{{}}{says}}}}}"#
        )
    };
    for (says, raw) in [
        ("", true),
        (r#","enableForwardingHttpRequest":true"#, true),
        (r#","enableProxyingHttpRequest":true"#, true),
        (r#","enableForwardingHttpRequest":"True""#, true),
        (r#","enableForwardingHttpRequest":false,"enableProxyingHttpRequest":true"#, true),
        (r#","enableForwardingHttpRequest":false"#, false),
    ] {
        let folder =
            AppFolder::with_function("HttpTrigger1", "req", "res", None, &[("host.json", &host(says))]);
        let handler = start(&folder);
        let post = |body: &str| http::post(handler.address, "/HttpTrigger1", HOST_HEADERS, body);
        assert!(is_reply(&post(&envelope_for("req")), "res"), "{says}: an envelope is one in every mode");
        let answer = post(TOASTER);
        if raw {
            assert!(is_raw_answer(&answer), "{says}: {answer:?}");
        } else {
            let reply = envelope::Reply::of(&answer);
            assert!(
                reply.body.starts_with("The invocation cannot be read: missing member `Data`"),
                "{reply:?}"
            );
        }
        let broken = post(r#"{"Data":{"req":5}}"#);
        assert!(
            envelope::Reply::of(&broken)
                .body
                .starts_with("The invocation cannot be read: expected an object"),
            "{says}: what names the trigger is an envelope, a broken one too: {broken:?}"
        );
        assert!(is_raw_answer(&http::post(handler.address, "/httptrigger1", &[], TOASTER)), "in any casing");
    }
}

#[test]
fn the_return_value_is_the_response_for_return_alone() {
    for (output, returned) in [("res", false), ("$return", true), ("response", false)] {
        let handler = start(&AppFolder::with_function("HttpTrigger1", "req", output, None, &[]));
        let reply = http::post(handler.address, "/HttpTrigger1", HOST_HEADERS, envelope_for("req"));
        let reply: Value = serde_json::from_str(&reply.body).unwrap();
        let response = &reply["Outputs"][output];
        assert_eq!(response["statusCode"], 200, "{reply}");
        assert_eq!(&reply["ReturnValue"], if returned { response } else { &Value::Null }, "{output}");
    }
}

#[test]
fn app_settings_override_host_json_as_they_do_for_the_host() {
    let folder = AppFolder::with_function("HttpTrigger1", "req", "res", None, &[("host.json", "{}")]);
    let mut command = process::command(UNDER_HOST);
    command.current_dir(folder.path()).env("AzureFunctionsJobHost__extensions__http__routePrefix", "v2");
    let handler = Handler::spawn(&mut command);
    assert!(is_raw_answer(&http::post(handler.address, "/v2/HttpTrigger1", &[], TOASTER)));
}

#[test]
fn a_file_that_cannot_be_read_ends_the_start_and_is_named_with_the_place() {
    let http_out = r#"{"type":"http","direction":"out","name":"res"}"#;
    let cases: [(&[(&str, &str)], String); 9] = [
        (&[("A/function.json", "{")], "A/function.json is invalid JSON: Unterminated object on line 1 column 2".into()),
        (&[("A/function.json", "")], "A/function.json: expected an object, found null".into()),
        (&[("A/function.json", "{}")], "A/function.json: missing member `bindings`".into()),
        (
            &[("A/function.json", r#"{"bindings":{}}"#)],
            "A/function.json, at bindings: expected an array, found an object".into(),
        ),
        (
            &[("A/function.json", r#"{"bindings":[{"type":"http","name":5}]}"#)],
            "A/function.json, at bindings[0].name: expected a string, found 5".into(),
        ),
        (
            &[("A/function.json", r#"{"bindings":[{"type":"httpTrigger","direction":"in","name":"req"}]}"#)],
            "A/function.json, at bindings: expected one of type http and direction out, for the answer; found none".into(),
        ),
        (
            &[("A/function.json", &format!(r#"{{"bindings":[{{"type":"httpTrigger","direction":"in","name":"r","route":"a/{{b"}},{http_out}]}}"#))],
            "A/function.json, at bindings: expected a route, found \"api/a/{b\" with a `{` too many".into(),
        ),
        (
            &[("host.json", r#"{"extensions":{"http":{"routePrefix":5}}}"#)],
            "host.json, at extensions.http.routePrefix: expected a string or a boolean, found 5".into(),
        ),
        (
            &[("host.json", "{\n  \"version\" 2\n}"), ("A/function.json", "[]")],
            "host.json is invalid JSON: Expected colon after the string or word in object property on line 2 column 13.\nError: \
             A/function.json: expected an object, found an array".into(),
        ),
    ];
    for (files, sentence) in cases {
        let folder = AppFolder::with(files);
        let ended = process::run(process::command(UNDER_HOST).current_dir(folder.path()));
        assert_eq!(ended.status.code(), Some(64), "{files:?}: {ended:?}");
        assert_eq!((ended.stdout.as_str(), ended.stderr), ("", format!("Error: {sentence}.\n")), "{files:?}");
    }
    let ended = process::run(process::command(UNDER_HOST).env("FUNCTIONS_APP_ROOT_PATH", "/no/such/folder"));
    assert_eq!(ended.status.code(), Some(64));
    assert_eq!(
        ended.stderr,
        "Error: Cannot read the app's folder /no/such/folder: No such file or directory (os error 2).\n"
    );
}
