use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files to what the system allows: each connection takes one, in a fleet two, and the
/// initial limit, often 1,024, is lower than the allowed one.
pub(super) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, the limit stays as it was; what then cannot be opened is reported where it happens.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
