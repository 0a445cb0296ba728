use std::collections::BTreeMap;
use std::future::pending;
use std::time::{Duration, Instant};

use dps_custom_allocation::lookups::{Answers, DEFAULT_TIMEOUT, Failure, Finding, Lookup, Lookups, Question};
use serde_json::{Map, Value, json};

#[cfg(feature = "file")]
mod file;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "input")]
mod input;
#[cfg(feature = "sql")]
mod sql;

/// Asks `lookup` alone, under the name `device`, about `toaster-7`.
#[cfg(any(feature = "file", feature = "http", feature = "input", feature = "sql"))]
async fn ask(
    lookup: impl Lookup + 'static,
    values: &[Value],
    inputs: Option<&Map<String, Value>>,
) -> Answers {
    let mut lookups = Lookups::new(DEFAULT_TIMEOUT);
    lookups.add("device", Box::new(lookup));
    ask_all(&lookups, values, inputs).await
}

async fn ask_all(lookups: &Lookups, values: &[Value], inputs: Option<&Map<String, Value>>) -> Answers {
    let values = BTreeMap::from([("device".to_owned(), values.to_vec())]);
    lookups.ask("toaster-7", &values, inputs).await
}

/// What was found under `device`: an object, null, or the reason why not. And the one line that says so.
#[cfg(any(feature = "file", feature = "http", feature = "input", feature = "sql"))]
fn told(answers: Answers) -> (Value, String) {
    let Answers { found, lines } = answers;
    let found = match found {
        Ok(found) => found["device"].clone().map_or(Value::Null, Value::Object),
        Err(failure) => failure.to_string().into(),
    };
    assert_eq!(lines.len(), 1, "{lines:?}");
    (found, lines.concat())
}

/// A look-up of one's own.
#[derive(Debug)]
enum Own {
    Finds(&'static str),
    FindsNothing,
    Fails,
    Hangs,
    Panics,
    PanicsAtOnce,
}

impl Lookup for Own {
    fn subject(&self) -> String {
        format!("{self:?}")
    }

    fn find<'a>(&'a self, question: &'a Question<'a>) -> Finding<'a> {
        assert!(!matches!(self, Self::PanicsAtOnce), "before anything");
        Box::pin(async move {
            match self {
                Self::Finds(hub) => {
                    let found =
                        json!({ "hub": hub, "id": question.registration_id, "values": question.values });
                    Ok(found.as_object().cloned())
                }
                Self::FindsNothing => Ok(None),
                Self::Fails => Err(Failure::new("no route to host")),
                Self::Hangs => pending().await,
                Self::Panics | Self::PanicsAtOnce => panic!("of its own"),
            }
        })
    }
}

#[tokio::test]
async fn all_are_asked_and_each_has_its_name_and_line() {
    let mut lookups = Lookups::new(DEFAULT_TIMEOUT);
    assert!(lookups.is_empty());
    lookups.add("device", Box::new(Own::Finds("a")));
    lookups.add("site", Box::new(Own::FindsNothing));
    lookups.add("plan", Box::new(Own::Finds("b")));
    assert!(!lookups.is_empty());

    let Answers { found, lines } = ask_all(&lookups, &[json!(5)], None).await;

    let found = found.unwrap();
    assert_eq!(json!(found["device"]), json!({ "hub": "a", "id": "toaster-7", "values": [5] }));
    assert_eq!(found["site"], None);
    assert_eq!(json!(found["plan"]), json!({ "hub": "b", "id": "toaster-7", "values": ["toaster-7"] }));
    assert_eq!(
        lines,
        [
            r#"Look-up device (Finds("a")): found"#,
            "Look-up site (FindsNothing): nothing found",
            r#"Look-up plan (Finds("b")): found"#,
        ]
    );
}

#[tokio::test]
async fn one_that_fails_is_late_or_panics_means_ask_again() {
    let mut lookups = Lookups::new(Duration::from_millis(50));
    lookups.add("device", Box::new(Own::Finds("a")));
    lookups.add("one", Box::new(Own::Fails));
    lookups.add("two", Box::new(Own::Hangs));
    lookups.add("three", Box::new(Own::Panics));
    lookups.add("four", Box::new(Own::PanicsAtOnce));

    let Answers { found, lines } = ask_all(&lookups, &[], None).await;

    assert_eq!(
        found.unwrap_err().to_string(),
        "Look-up one: no route to host; Look-up two: no answer within 50 ms; \
         Look-up three: it panicked; the log of the process says where; \
         Look-up four: it panicked; the log of the process says where"
    );
    assert_eq!(
        lines,
        [
            r#"Look-up device (Finds("a")): found"#,
            "Look-up one (Fails): no route to host",
            "Look-up two (Hangs): no answer within 50 ms",
            "Look-up three (Panics): it panicked; the log of the process says where",
            "Look-up four (PanicsAtOnce): it panicked; the log of the process says where",
        ]
    );
}

#[tokio::test]
async fn the_deadline_is_one_for_all() {
    let mut lookups = Lookups::new(Duration::from_secs(1));
    for at in 0..100 {
        lookups.add(format!("number {at}"), Box::new(Own::Hangs));
    }
    let begin = Instant::now();
    let Answers { found, lines } = ask_all(&lookups, &[], None).await;
    let took = begin.elapsed();
    assert!(found.is_err());
    assert_eq!(lines[99], "Look-up number 99 (Hangs): no answer within 1 s");
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(50),
        "not one after the other: {took:?}"
    );
}
