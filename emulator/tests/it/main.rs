//! The emulator from outside: its commands as processes, its stand-ins with real clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// The command line: key derivation, usage errors, exit codes.
mod cli;
/// Running a program with a deadline, for the other modules.
mod program;
