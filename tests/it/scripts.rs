//! What the scripts say when something is missing. What they build is tested where it is used.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a script where there is no tool but `dirname`.
fn run(script: &str, arguments: &[&str]) -> Output {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tools-of-{script}"));
    let _ = std::fs::remove_dir_all(&tools);
    std::fs::create_dir(&tools).unwrap();
    let path = std::env::var("PATH").unwrap();
    let dirname =
        std::env::split_paths(&path).map(|folder| folder.join("dirname")).find(|file| file.exists());
    symlink(dirname.expect("there is dirname"), tools.join("dirname")).unwrap();
    let script = format!("{}/scripts/{script}", env!("CARGO_MANIFEST_DIR"));
    Command::new("/bin/bash").arg(script).args(arguments).env("PATH", &tools).output().expect("there is bash")
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
fn build_explains_itself_and_prints_what_it_would_run() {
    // The PATH of the tests: the target depends on what Rust is there.
    let build = |option: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/build.sh");
        let output = Command::new(script).arg(option).output().expect("there is bash");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(build("--help").starts_with("Builds the handler") && build("--help").contains("Exit codes:"));
    let printed = build("--dry-run");
    let lines: Vec<_> = printed.lines().map(str::trim_end).collect();
    assert!(lines[0].contains("CARGO_ENCODED_RUSTFLAGS=") && lines[0].contains("+crt-static"), "{lines:?}");
    assert!(
        lines[0].contains(" cargo build ") && lines[0].contains(" --target x86_64-unknown-linux-"),
        "{lines:?}"
    );
    assert_eq!(lines[2..], ["chmod 755 handler.new", "mv handler.new handler"], "{lines:?}");
}

#[test]
fn build_refuses_options_that_it_does_not_know() {
    let output = run("build.sh", &["--fast"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "build.sh: unknown option --fast; scripts/build.sh [--local] [--dry-run] is all there is\n"
    );
}
