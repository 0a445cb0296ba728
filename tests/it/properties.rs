use dps_custom_allocation::allocation::Toasters;
use dps_custom_allocation::body::Limits;
use dps_custom_allocation::log_body::LogBody;
use dps_custom_allocation::policies::ServedPolicy;
use dps_custom_allocation::server::{Handler, routes};
use dps_custom_allocation::settings::DEFAULT_BODY_LIMIT;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::decision;
use crate::envelope::{self, Reply, TOASTER};
use crate::server::tutorial_app;

/// Sends `bytes` through the routes, as the host would; the reply must be one that the host takes.
fn call(bytes: Vec<u8>) -> Reply {
    let routes = routes(Handler::new(
        tutorial_app(),
        ServedPolicy::new(Toasters),
        Limits::of(DEFAULT_BODY_LIMIT),
        LogBody::Full,
    ));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let response = runtime
        .block_on(warp::test::request().method("POST").path("/HttpTrigger1").body(bytes).reply(&routes));
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    Reply::of_json(std::str::from_utf8(response.body()).unwrap())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let name = prop_oneof![
            ".{0,8}",
            proptest::sample::select(vec![
                "Data",
                "req",
                "Body",
                "Headers",
                "Content-Type",
                "Metadata",
                "Query",
                "deviceRuntimeContext",
                "registrationId",
                "linkedHubs",
                "enrollmentGroup",
                "payload",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_as_a_body(bytes: Vec<u8>) {
        let reply = call(envelope::of(&String::from_utf8_lossy(&bytes)).to_string().into_bytes());
        prop_assert_eq!(reply.status, 400);
    }

    #[test]
    fn any_bytes_as_an_envelope(bytes: Vec<u8>) {
        prop_assert_eq!(call(bytes).status, 400);
    }

    #[test]
    fn any_json_as_a_body(body in any_json()) {
        let reply = call(envelope::of(&body.to_string()).to_string().into_bytes());
        prop_assert!(reply.status == 200 || reply.status == 400, "{:?}", reply);
    }

    #[test]
    fn any_json_as_an_envelope(envelope in any_json()) {
        let reply = call(envelope.to_string().into_bytes());
        prop_assert!(reply.status == 200 || reply.status == 400, "{:?}", reply);
    }

    #[test]
    fn a_recorded_request_cut_off_or_changed_anywhere(at in 0..TOASTER.len(), byte: u8) {
        let mut bytes = TOASTER.as_bytes().to_vec();
        let cut = decision::run(Toasters, std::str::from_utf8(&bytes[..at]).unwrap());
        prop_assert_eq!(cut.answer.status, 400);
        bytes[at] = byte;
        let reply = call(envelope::of(&String::from_utf8_lossy(&bytes)).to_string().into_bytes());
        prop_assert!(reply.status == 200 || reply.status == 400, "{:?}", reply);
    }

    #[test]
    fn an_assigned_hub_is_always_a_linked_one(
        id in "(contoso-toaster-[0-9]{1,3}|[a-z-]{0,20})",
        hubs in proptest::collection::vec("[ -~äß\u{1f600}]{0,30}", 0..6),
    ) {
        let body = json!({ "deviceRuntimeContext": { "registrationId": id }, "linkedHubs": hubs });
        let answer = decision::run(Toasters, &body.to_string()).answer;
        let assigned = id.contains("contoso-toaster") && !hubs.is_empty();
        prop_assert_eq!(answer.status, if assigned { 200 } else { 400 });
        if assigned {
            let response: Value = serde_json::from_str(&answer.body).unwrap();
            prop_assert_eq!(response["iotHubHostName"].as_str(), hubs.first().map(String::as_str));
        }
    }
}
