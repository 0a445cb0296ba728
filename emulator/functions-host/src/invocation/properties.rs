//! Properties of the pure parts, for any input.

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::function::{AuthLevel, Function};
use crate::app::route::Route;
use crate::invocation::call::{self, Call};
use crate::invocation::envelope::envelope;
use crate::invocation::execution::Failure;
use crate::invocation::identity::Identity;
use crate::invocation::reply::{self, Answered};
use crate::invocation::url::{self, Query};
use crate::newtonsoft;
use crate::worker::client::RawReply;

/// Any JSON, with the names that mean something to the host among its members.
fn json() -> impl Strategy<Value = Value> {
    const NAMES: &str = "[a-z]{0,3}|Outputs|res|statusCode|status|headers|body|Logs|ReturnValue|Content-Type";
    const DATES: &str = "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:]{8}(\\.[0-9]{0,9})?(Z|[+-][0-9:]{0,6})?";
    let text = prop_oneof![any::<String>(), DATES].prop_map(Value::from);
    let number = prop_oneof![any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from)];
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let members = prop::collection::vec((NAMES, inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            members.prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

fn reply(body: Vec<u8>) -> RawReply {
    let kind = (hyper::header::CONTENT_TYPE, "application/json".parse().unwrap());
    RawReply { status: StatusCode::OK, headers: HeaderMap::from_iter([kind]), body: body.into() }
}

/// An answer can be sent.
fn is_sound(judged: Result<Answered, Failure>) {
    if let Ok(Answered { answer, .. }) = judged {
        assert!(answer.status.as_u16() >= 200);
        let response = answer.into_response();
        assert!(!response.headers().contains_key(hyper::header::TRANSFER_ENCODING));
    }
}

proptest! {
    #[test]
    fn any_reply_is_judged(outputs in json(), logs in json(), returned in json(), output in prop::sample::select(vec![None, Some("res"), Some("$return")])) {
        let members = json!({"Outputs": outputs, "Logs": logs, "ReturnValue": returned});
        is_sound(reply::judge(&reply(members.to_string().into_bytes()), output));
        is_sound(reply::judge(&reply(json!({"Outputs": {"res": outputs}, "ReturnValue": returned}).to_string().into_bytes()), output));
    }

    #[test]
    fn any_bytes_are_judged(body in any::<Vec<u8>>()) {
        is_sound(reply::judge(&reply(body), Some("res")));
    }

    #[test]
    fn any_value_is_printed(value in json()) {
        newtonsoft::print(&value);
    }

    #[test]
    fn any_call_has_an_envelope_with_its_body(body in any::<Vec<u8>>(), query in "[ -~]{0,40}", object in json()) {
        for body in [body.clone(), object.to_string().into_bytes()] {
            let (mut parts, ()) = Request::post("/api/HttpTrigger1").body(()).unwrap().into_parts();
            parts.headers.insert("x-any", hyper::header::HeaderValue::from_bytes(b"\xff\x80").unwrap());
            let call = Call {
                id: Uuid::nil(),
                parts,
                query: Query::parse(&query),
                parameters: Vec::new(),
                identity: Identity::Anonymous,
            };
            let function = Function::of_route(1, Route::parse("HttpTrigger1").unwrap(), AuthLevel::Anonymous);
            let envelope = envelope(&call, &function, &Bytes::from(body.clone()), "localhost").unwrap();
            let envelope: Value = serde_json::from_slice(&envelope).unwrap();
            let expected = (!body.is_empty()).then(|| Value::from(call::decode(&body)));
            prop_assert_eq!(envelope["Data"]["req"].get("Body"), expected.as_ref());
        }
    }

    #[test]
    fn any_path_matches_or_not(template in "[a-z{}:?*/]{0,20}", path in "[ -~]{0,40}") {
        if let Ok(route) = Route::parse(&template) {
            route.matches(&url::decoded_path(&path));
        }
        url::encoded_path(&path);
    }
}
