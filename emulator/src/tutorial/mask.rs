//! Placeholders for what differs from run to run.

/// A piece of a line that varies: what comes before it, what ends it, and what stands for it.
struct Varying {
    after: &'static str,
    until: &'static [char],
    shown: &'static str,
}

const VARYING: [Varying; 6] = [
    Varying { after: "Provisioning API Version: ", until: &[], shown: "VERSION" },
    Varying { after: "OperationId: ", until: &[' '], shown: "OPERATION" },
    Varying { after: " - Date: ", until: &[' '], shown: "DATE" },
    Varying { after: ", Id=", until: &[',', ')'], shown: "ID" },
    Varying { after: ", Duration=", until: &['m'], shown: "MILLISECONDS" },
    // Where the function app is; the query, a key, is `****` on both sides.
    Varying { after: "\"webhookUrl\":\"", until: &['?', '"'], shown: "URL" },
];

/// The length of a time stamp such as `2020-09-23T11:44:37.505`.
const STAMP: usize = 23;

/// The length of C's `ctime`, such as `Wed Sep 23 13:06:01 2020`.
const CTIME: usize = 24;

/// `text` with a name in place of everything that differs from run to run: time stamps, ids, durations,
/// versions, addresses, and where in its source code the C SDK found an error.
pub(super) fn masked(text: &str) -> String {
    let lines = text.lines().map(masked_line);
    // The blank line that the function logs before "Response" is not on the tutorial's page.
    lines.filter(|line| line != "TIME [Information] ").map(|line| line + "\n").collect()
}

fn masked_line(line: &str) -> String {
    let mut line = line.to_owned();
    if let Some((stamp, rest)) = line.split_at_checked(STAMP)
        && rest.starts_with(" [")
        && stamp.as_bytes().get(10) == Some(&b'T')
    {
        line = format!("TIME{rest}");
    }
    if let Some(rest) = line.strip_prefix("Error: Time:").and_then(|rest| rest.get(CTIME..)) {
        // ` File:… Func:… Line:658 what happened`
        let message = rest.split_once(" Line:").and_then(|(_, rest)| rest.split_once(' '));
        line = format!("Error: {}", message.map_or(rest.trim_start(), |(_, message)| message));
    }
    for Varying { after, until, shown } in VARYING {
        if let Some(start) = line.find(after).map(|at| at + after.len()) {
            let end = line[start..].find(until).map_or(line.len(), |length| start + length);
            line.replace_range(start..end, shown);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::masked;
    use crate::tutorial::expected;

    #[test]
    fn what_varies_is_made_equal() {
        for (line, expected) in [
            (
                "2020-09-23T11:44:41.380 [Information] Request.Body:...",
                "TIME [Information] Request.Body:...\n",
            ),
            ("2020-09-23T11:44:41.380 [Information] \n", ""),
            (
                "2020-09-23T11:44:41.689 [Information] Executed 'Functions.HttpTrigger1' (Succeeded, Id=4596d45e, Duration=4347ms)",
                "TIME [Information] Executed 'Functions.HttpTrigger1' (Succeeded, Id=ID, Duration=MILLISECONDSms)\n",
            ),
            ("Provisioning API Version: 1.3.6", "Provisioning API Version: VERSION\n"),
            (
                r"Error: Time:Wed Sep 23 13:06:01 2020 File:d:\a b.c Func:f Line:1014 Unable to process",
                "Error: Unable to process\n",
            ),
            ("Error: Time:Wed Sep  3 13:06:01 2020 Unable to process", "Error: Unable to process\n"),
            (
                "Provisioning Failure: OperationId: 4.a.b - Date: 2020Z - Msg: No",
                "Provisioning Failure: OperationId: OPERATION - Date: DATE - Msg: No\n",
            ),
            (
                r#""webhookUrl":"http://127.0.0.1:7071/api/HttpTrigger1?****","#,
                "\"webhookUrl\":\"URL?****\",\n",
            ),
            ("ä", "ä\n"),
        ] {
            assert_eq!(masked(line), expected);
        }
    }

    #[test]
    fn what_matters_is_left_as_it_is() {
        let log = masked(expected::TOASTER_LOG);
        for part in [
            "Selected hub : contoso-toasters-hub-1098.azure-devices.net",
            r#""etag":"\"e8002126-0000-0100-0000-5f6b2a570000\"""#,
            r#""createdDateTimeUtc":"2020-09-23T10:58:31.62286Z""#,
            r#"{"iotHubHostName":"contoso-toasters-hub-1098.azure-devices.net"}"#,
        ] {
            assert!(log.contains(part), "{part}\n{log}");
        }
        let output = masked(expected::HEAT_PUMP_OUTPUT);
        assert!(output.contains("Msg: Custom allocation failed with status code: 400"), "{output}");
        assert!(
            output.ends_with("\n\nFailure registering device: PROV_DEVICE_RESULT_DEV_AUTH_ERROR\n"),
            "{output}"
        );
    }
}
