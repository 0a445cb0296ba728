//! `az rest`: queries of Application Insights.

use serde_json::{Value, json};

use crate::answer::error;
use crate::az::Outcome;
use crate::model::Azure;
use crate::table::Call;

/// The rows newer than the query asks for; the query is kept for the test to read.
pub(crate) fn rest(azure: &mut Azure, call: &Call) -> Outcome {
    let url = call.need("--url")?;
    let documented = "https://api.applicationinsights.io/v1/apps/11111111-2222-3333-4444-555555555555/query";
    if url != documented || call.value("--method") != Some("post") {
        return Err(error(3, format!("Not Found({{\"error\":{{\"message\":\"{url}\"}}}})")));
    }
    if call.value("--resource") != Some("https://api.applicationinsights.io") {
        return Err(error(1, "Unauthorized: expected a token for https://api.applicationinsights.io"));
    }
    let body: Value = serde_json::from_str(call.need("--body")?)
        .map_err(|parsing| error(1, format!("Bad Request: invalid JSON in the body: {parsing}")))?;
    let query = body["query"].as_str().unwrap_or_default().to_owned();
    let after = query.split("ingestion_time() > datetime(").nth(1).and_then(|rest| rest.split(')').next());
    let after = after.unwrap_or_default().to_owned();
    let rows: Vec<_> = azure.log_rows.iter().filter(|row| row[0] > after).cloned().collect();
    azure.queries.push(query);
    Ok(json!({"tables": [{"name": "PrimaryResult", "rows": rows}]}))
}
