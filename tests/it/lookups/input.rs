use dps_custom_allocation::lookups::Input;
use serde_json::{Value, json};

use super::{ask, told};

async fn read(data: Value) -> (Value, String) {
    told(ask(Input::new("device"), &[], data.as_object()).await)
}

#[tokio::test]
async fn a_row_is_an_object_however_it_is_encoded() {
    let row = json!({ "Hub": "contoso-a", "Count": 3, "PartitionKey": "devices", "RowKey": "toaster-7" });
    let once = row.to_string();
    let twice = json!(once).to_string();
    for value in [
        row.clone(),
        json!(once),
        json!(twice),
        json!(format!("\u{feff}{once}")),
        json!([row]),
        json!(json!([row]).to_string()),
    ] {
        let (found, line) = read(json!({ "req": {}, "device": value })).await;
        assert_eq!(found, row, "{value}");
        assert_eq!(line, "Look-up device (input binding device): found");
    }
}

#[tokio::test]
async fn a_missing_row_is_nothing() {
    for value in [json!(null), json!("null"), json!("\"null\""), json!([]), json!("[]"), json!([null])] {
        let (found, line) = read(json!({ "device": value })).await;
        assert_eq!(found, Value::Null, "{value}");
        assert_eq!(line, "Look-up device (input binding device): nothing found");
    }
}

#[tokio::test]
async fn what_is_no_row_means_ask_again() {
    let deep = "[".repeat(1000);
    let table = [
        (json!({}), "the envelope does not contain it; is it bound in function.json?"),
        (json!({ "Device": {} }), "the envelope does not contain it; is it bound in function.json?"),
        (json!({ "device": 5 }), "expected a JSON object"),
        (json!({ "device": "5" }), "expected a JSON object"),
        (json!({ "device": "\"\\\"a\\\"\"" }), "expected a JSON object"),
        (json!({ "device": "" }), "it contains text that is not valid JSON"),
        (json!({ "device": "secret" }), "it contains text that is not valid JSON"),
        (json!({ "device": deep }), "it contains text that is not valid JSON"),
        (json!({ "device": [{}, {}] }), "expected one row, found 2"),
    ];
    for (data, reason) in table {
        let (found, line) = read(data.clone()).await;
        assert_eq!(found, format!("Look-up device: {reason}"), "{data}");
        assert_eq!(line, format!("Look-up device (input binding device): {reason}"), "{data}");
    }
}

#[tokio::test]
async fn outside_of_the_envelope_it_is_not_known_whether_there_is_a_row() {
    let (found, _) = told(ask(Input::new("device"), &[], None).await);
    assert_eq!(
        found,
        "Look-up device: input bindings only come in the Functions host's envelope (enableForwardingHttpRequest must be off)"
    );
}
