//! How text from a client is shown in the log.

/// How many characters of it are shown.
const SHOWN: usize = 120;

/// What a client sent, for a line of the log: in quotes, shortened, and never a token.
pub(crate) fn quoted(text: &str) -> String {
    // A device that swaps username and password must not have its signature in the log.
    if text.contains("sig=") || text.contains("SharedAccess") {
        return "(a SAS token)".to_owned();
    }
    format!("“{}”", journal::shown(text, SHOWN))
}
