//! What the service stamps on the record of an enrollment: its etag, and when it was made and last changed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::stamp;

/// The stamps of a record, for the members that its file does not give. They are kept, so that they change when the
/// record does, and not with each start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stamps {
    etag: String,
    created_date_time_utc: String,
    last_updated_date_time_utc: String,
}

impl Stamps {
    /// The stamps of `record` at `now`, which had the `earlier` ones, if it is not new.
    pub(crate) fn new(record: &Map<String, Value>, earlier: Option<Self>, now: &str) -> Self {
        let etag = stamp::etag_of(&Value::Object(record.clone()).to_string());
        match earlier {
            Some(earlier) if earlier.etag == etag => earlier,
            Some(earlier) => Self { etag, last_updated_date_time_utc: now.to_owned(), ..earlier },
            None => Self {
                etag,
                created_date_time_utc: now.to_owned(),
                last_updated_date_time_utc: now.to_owned(),
            },
        }
    }

    /// Puts them into `record`, where its members are empty.
    pub(crate) fn fill(&self, record: &mut Map<String, Value>) {
        for (name, stamp) in [
            ("etag", &self.etag),
            ("createdDateTimeUtc", &self.created_date_time_utc),
            ("lastUpdatedDateTimeUtc", &self.last_updated_date_time_utc),
        ] {
            if record.get(name) == Some(&Value::String(String::new())) {
                record.insert(name.to_owned(), stamp.as_str().into());
            }
        }
    }
}
