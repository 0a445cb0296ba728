use std::io::{self, BufRead as _, Read as _};

use symmetric_key::SymmetricKey;

use crate::cli::outcome::Stop;

/// More bytes than any key has.
const LONGEST: u64 = 4096;

/// Reads the key that `source`, such as a flag, gives as `text`, or if that is `-` the first line of standard
/// input.
///
/// Not a value parser of clap, which would repeat an invalid key in its error.
pub(super) fn read(source: &str, text: &str) -> Result<SymmetricKey, Stop> {
    let mut line = String::new();
    let text = match text {
        "-" => {
            let read = io::stdin().lock().take(LONGEST).read_line(&mut line);
            read.map_err(|error| Stop::Failed(format!("cannot read {source} from standard input: {error}")))?;
            &line
        }
        given => given,
    };
    text.parse().map_err(|error| Stop::Usage(format!("{source}: {error}")))
}
