use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets the process open as many files as the system allows: each connection takes one, in a fleet two, and
/// what processes begin with, often 1,024, is less than what they may ask for.
pub(super) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Refused, it stays as it was; what then cannot be opened is reported where it happens.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
