//! `app-package` as `scripts/package.sh` runs it: a folder in, a zip out.

#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod package;
