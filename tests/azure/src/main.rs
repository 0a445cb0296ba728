//! A stand-in for `az`, `func` and `curl`, for tests of the Azure scripts without Azure.
//!
//! One program under three names: what it is called decides what it is. It keeps a model of what exists in Azure in
//! the JSON file that `AZURE_STUB_STATE` names, and answers from it, errors included. Every call is appended to the
//! file that `AZURE_STUB_CALLS` names, one JSON array of the arguments to a line.
//!
//! `AZURE_STUB_KILL_AT=<n>` ends the caller and all it started at the nth call of a run, as a power cut would:
//! before the call has any effect, or after it with `AZURE_STUB_KILL=after`. With `half-way`, `az functionapp create`
//! has made the app and not yet its Application Insights; every other call is killed after its effect.
//!
//! What it does not do: look at the rules that the real service has beyond those the model spells out, take time,
//! or support commands and flags that the scripts do not use.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a stand-in that cannot go on must end the test loudly"
)]

use std::process::ExitCode;

mod answer;
mod calls;
mod model;
mod table;

// The three tools.
mod az;
mod curl;
mod func;

// The commands of az, by what they are about.
mod app;
mod device;
mod dps;
mod enrollment;
mod groups;
mod insights;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments: Vec<String> = arguments.collect();

    let call = calls::record(&name, &arguments);
    call.perhaps_kill("before");
    let mut azure = model::load();
    let answer = match name.as_str() {
        "az" => az::answer(&mut azure, &arguments),
        "func" => func::answer(&mut azure, &arguments),
        "curl" => curl::answer(&mut azure, &arguments),
        other => answer::failed(70, format!("the stand-in was called as {other}; it is az, func or curl")),
    };
    model::save(&azure);
    call.perhaps_kill(calls::HALF_WAY);
    call.perhaps_kill("after");
    answer.give()
}
