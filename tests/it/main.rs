//! The handler from outside: as a function, as routes, and as the process that the Functions host runs.

#![allow(unreachable_pub, reason = "everything here is for the tests beside it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "these are tests"
)]

/// Function apps of a test's own.
mod app_folder;
/// Certificates of the tests' servers.
#[cfg(feature = "network")]
mod authority;
/// What a policy makes of a body.
mod decision;
/// The static handler where nothing else is.
#[cfg(all(target_os = "linux", target_arch = "x86_64", feature = "rules", feature = "sql"))]
mod empty_root;
/// What the Functions host sends to a handler.
mod envelope;
/// A small HTTP client that puts every byte of a request where the test wants it.
mod http;
/// What the handler logs in this process.
mod log_lines;
/// A PostgreSQL server of the test's own.
#[cfg(feature = "sql")]
mod postgresql;
/// The handler's process, and what it printed.
mod process;
/// The routes in this process, with a policy of the test's own.
mod server;
/// An HTTP service of the test's own, which behaves as it is told.
#[cfg(feature = "http")]
mod service;

/// The policy's table, and every odd body.
mod allocation;
/// The app's own names: functions, bindings, routes.
mod app;
/// What certificates say, broken ones too.
#[cfg(feature = "certificates")]
mod certificate;
/// What a custom handler owes the Functions host, point by point.
mod checklist;
/// Which policy decides.
mod chosen;
/// The command line.
mod cli;
/// The tutorial's edition with two divisions: its table, and any device.
mod divisions;
/// How much of a body is shown in the log.
mod log_body;
/// What look-ups find, and what they say when they cannot.
mod lookups;
/// Look-ups that ask somebody else, through the real process.
#[cfg(all(feature = "rules", feature = "network"))]
mod lookups_process;
/// The files that the Functions host and Core Tools read, against each other and the routes.
mod manifests;
/// Signals, exit codes, settings, log lines.
mod operation;
/// Standard output and error, also when nobody reads.
mod output;
/// The Rust policies of the docs.
mod policies;
/// Anything at all as a body or as an envelope.
mod properties;
/// What hostile and slow callers can do, which must be little.
mod robustness;
/// The policy that is written in a file.
#[cfg(feature = "rules")]
mod rules;
/// The rules files of the documents.
#[cfg(feature = "rules")]
mod rules_docs;
/// Rules in the process: check, explain, look-ups.
#[cfg(feature = "rules")]
mod rules_process;
/// The scripts around it.
mod scripts;
/// Devices spread over hubs, and hubs found.
mod spread;
/// The tutorial's two recorded requests through the real process.
mod tutorial;
/// Policies that wait, and everybody else meanwhile.
mod waiting;
/// The types of the webhook's contract, member by member.
mod webhook;
/// The policy that the README writes.
mod worked_example;
