//! What every script answers about itself, and what it says when something is missing. What the scripts do is tested
//! where it is used.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Scripts that pass their options on, and the command that gets them.
const PASSES_ON: [(&str, &str); 3] =
    [("run.sh", "dps-emulator tutorial"), ("start.sh", "func start"), ("test.sh", "cargo test")];

/// The names of all scripts, `build.sh` and so on, in order.
fn scripts() -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".sh"))
        .collect();
    names.sort();
    assert!(names.len() >= 15, "the scripts are not where they were: {names:?}");
    names
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")
}

/// Runs a script with a shell, where there are no tools but those that a script's help needs: a script that fails to
/// refuse an option can do no harm.
fn run_with(shell: &Path, script: &str, arguments: &[&str]) -> Output {
    let tools = tempdir();
    for tool in ["dirname", "sed", "tr"] {
        symlink(find(tool).unwrap_or_else(|| panic!("{tool} is not installed")), tools.join(tool)).unwrap();
    }
    let mut command = Command::new(shell);
    let output = command.arg(folder().join(script)).args(arguments).env("PATH", &tools).output().unwrap();
    std::fs::remove_dir_all(tools).unwrap();
    output
}

/// Runs a script with bash.
fn run(script: &str, arguments: &[&str]) -> Output {
    run_with(&find("bash").expect("bash is not installed"), script, arguments)
}

/// The file that a command of this name runs.
fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file())
}

/// An empty folder of the caller's own.
fn tempdir() -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("scripts-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // A process of the same number may have left it.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    folder
}

#[track_caller]
fn check(script: &str, output: &Output, code: i32, stdout: &str, stderr: &str) {
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert_eq!(
        (output.status.code(), said[0].as_str(), said[1].as_str()),
        (Some(code), stdout, stderr),
        "{script}"
    );
}

#[test]
fn every_script_explains_itself() {
    for script in scripts() {
        let output = run(&script, &["--help"]);
        let help = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{script}: {output:?}");
        let (does, rest) = help.split_once("\n\n").unwrap_or_else(|| panic!("{script}: {help}"));
        assert!(does.ends_with('.') && does.starts_with(|first: char| first.is_uppercase()), "{does}");
        assert!(rest.starts_with(&format!("Usage: scripts/{script}")), "{script}: {help}");
        assert!(rest.contains("\n\n  ") && rest.contains(" --"), "{script} lists its options: {help}");
        let (_, codes) = rest.split_once("\n\nExit codes: ").unwrap_or_else(|| panic!("{script}: {help}"));
        assert!(codes.contains(|letter: char| letter.is_ascii_digit()), "{script}: {codes}");
        assert!(!help.contains("BASH_VERSION"), "{script} shows code: {help}");
        check(&script, &run(&script, &["-h"]), 0, &help, "");

        // On many systems `sh` is bash, which is then a little different.
        let sh = tempdir().join("sh");
        symlink(find("bash").unwrap(), &sh).unwrap();
        check(&script, &run_with(&sh, &script, &["--help"]), 0, &help, "");
        std::fs::remove_dir_all(sh.parent().unwrap()).unwrap();
    }
}

#[test]
fn an_unknown_option_is_refused_or_passed_on_to_the_command_that_the_help_names() {
    let scripts = scripts();
    for (script, command) in PASSES_ON {
        assert!(scripts.iter().any(|name| name == script), "{script} in {scripts:?}");
        let help = String::from_utf8(run(script, &["--help"]).stdout).unwrap();
        assert!(help.contains(&format!("Usage: scripts/{script} [options of {command}]\n")), "{help}");
    }
    for script in scripts.iter().filter(|name| !PASSES_ON.iter().any(|(passes, _)| name == passes)) {
        for option in ["--no-such-option", "--no-such-option=5", "-x"] {
            let name = option.trim_end_matches("=5");
            let says = format!("{script}: unknown option {name}; see scripts/{script} --help\n");
            check(script, &run(script, &[option]), 64, "", &says);
        }
        let says = format!("{script}: unexpected argument 'location'; see scripts/{script} --help\n");
        check(script, &run(script, &["location"]), 64, "", &says);
    }
}

#[test]
fn a_shell_that_is_not_bash_is_told_so() {
    let is_bash = |shell: &PathBuf| {
        let output = Command::new(shell).args(["-c", "echo \"${BASH_VERSION:-none}\""]).output().unwrap();
        output.stdout != b"none\n"
    };
    let shells: Vec<_> = ["sh", "dash", "ash", "zsh", "ksh", "mksh", "yash"]
        .iter()
        .filter_map(|name| find(name))
        .filter(|shell| !is_bash(shell))
        .collect();
    assert!(!shells.is_empty(), "no shell but bash is installed; install dash to run this test");
    for shell in shells {
        for script in scripts() {
            let says = format!("{script}: needs bash; run scripts/{script} or bash scripts/{script}\n");
            check(&script, &run_with(&shell, &script, &["--help"]), 64, "", &says);
        }
    }
}

#[test]
fn start_says_how_to_install_func_and_what_works_without_it() {
    let says = "start.sh: func is not installed; run 'npm install --global azure-functions-core-tools@4' \
                (scripts/run.sh works without it)\n";
    check("start.sh", &run("start.sh", &[]), 1, "", says);
}

#[test]
fn build_prints_the_commands_it_would_run() {
    // With the tests' own PATH: the target depends on the installed Rust.
    let output = Command::new(folder().join("build.sh")).arg("--dry-run").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = printed.lines().map(str::trim_end).collect();
    assert!(lines[0].contains("CARGO_ENCODED_RUSTFLAGS=") && lines[0].contains("+crt-static"), "{lines:?}");
    assert!(
        lines[0].contains(" cargo build ") && lines[0].contains(" --target x86_64-unknown-linux-"),
        "{lines:?}"
    );
    assert_eq!(lines[2..], ["chmod 755 handler.new", "mv handler.new handler"], "{lines:?}");
}
