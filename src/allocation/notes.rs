/// What a policy has to say about a request, a line each. The function's log shows them between the
/// request and the response.
#[derive(Debug, Default)]
pub struct Notes(Vec<String>);

// === impl Notes ===

impl Notes {
    /// Adds a line.
    pub fn add(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }

    /// All lines, in the order in which they were added.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.0
    }
}
