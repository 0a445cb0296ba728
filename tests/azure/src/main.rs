//! A stand-in for `az`, `func` and `curl`, for tests of the Azure scripts without Azure.
//!
//! One program under three names: it acts as the tool whose name it is run by. It keeps a model of what exists in Azure
//! in the JSON file that `AZURE_STUB_STATE` names, and answers from it, errors included. Every call is appended to the
//! file that `AZURE_STUB_CALLS` names, as a line with a JSON array of the arguments.
//!
//! `AZURE_STUB_KILL_AT=<n>` kills the caller and all it started at the nth call of a run, as a power cut would:
//! before the call has an effect, or after it with `AZURE_STUB_KILL=after`. With `half-way`, `az functionapp create`
//! has created the app but not its Application Insights; every other call is killed after its effect.
//!
//! It does not apply rules of the real service beyond those of the model, takes no time, and does not support commands
//! that the scripts do not use.

#![expect(clippy::expect_used, clippy::panic, reason = "a stand-in that cannot continue must fail the test")]

use std::process::ExitCode;

mod answer;
mod calls;
mod model;
mod table;

// The three tools.
mod az;
mod curl;
mod func;

// The commands of az by subject.
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
        other => answer::failed(70, format!("expected to be run as az, func or curl, found {other}")),
    };
    model::save(&azure);
    call.perhaps_kill(calls::HALF_WAY);
    call.perhaps_kill("after");
    answer.give()
}
