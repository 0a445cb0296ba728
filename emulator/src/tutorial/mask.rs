//! Placeholders for what differs from run to run.

use regex::Regex;

/// Patterns of what differs from run to run, and what stands for it.
const VARYING: [(&str, &str); 9] = [
    (r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} \[", "TIME ["),
    // The blank line that the function logs before "Response" is not on the tutorial's page.
    (r"(?m)^TIME \[Information\] \n", ""),
    // C's `ctime` has 24 characters. Where in its source code the SDK found the error is said there only.
    (r"(?m)^Error: Time:.{24} (File:.* Line:\d+ )?", "Error: "),
    ("(?m)^Provisioning API Version: .*", "Provisioning API Version: VERSION"),
    (r"OperationId: \S+", "OperationId: OPERATION"),
    (r" - Date: \S+", " - Date: DATE"),
    (", Id=[^,)]+", ", Id=ID"),
    (r", Duration=\d+ms", ", Duration=MILLISECONDSms"),
    // Where the function app is; the query, a key, is `****` on both sides.
    (r#""webhookUrl":"[^?"]*"#, r#""webhookUrl":"URL"#),
];

/// `text` with a name in place of everything that differs from run to run: time stamps, ids, durations,
/// versions, addresses, and where in its source code the C SDK found an error.
pub(super) fn masked(text: &str) -> String {
    VARYING.iter().fold(text.to_owned(), |text, (pattern, name)| {
        #[expect(clippy::expect_used, reason = "each run of the tutorial uses every pattern")]
        let pattern = Regex::new(pattern).expect("the pattern is valid");
        pattern.replace_all(&text, *name).into_owned()
    })
}
