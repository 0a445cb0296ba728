//! What is wrong with a configuration file.

use std::fmt;

/// One thing that is wrong with a configuration file. It never quotes a value, which may be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where in the document, as members and indexes: `enrollmentGroups[0].iotHubs[1]`. Empty: the document.
    pub path: String,
    /// The line in the file, from 1.
    pub line: usize,
    /// The column in that line, in characters, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}
