//! What the scripts say when something is missing. What they build is tested where it is used.

use std::process::{Command, Output};

fn run(script: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("/bin/bash");
    command.arg(format!("{}/scripts/{script}", env!("CARGO_MANIFEST_DIR"))).args(arguments);
    command.env("PATH", "/no/tools/here").output().expect("there is bash")
}

#[test]
fn start_says_how_to_get_func_and_what_needs_none() {
    let output = run("start.sh", &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "start.sh: there is no 'func'; 'npm install --global azure-functions-core-tools@4' gets it, \
         and scripts/run.sh needs none\n"
    );
}

#[test]
fn build_refuses_options_that_it_does_not_know() {
    let output = run("build.sh", &["--fast"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "build.sh: unknown option --fast; scripts/build.sh [--local] is all there is\n"
    );
}
