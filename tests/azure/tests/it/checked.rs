//! Files that only a shell, a hosted build, an editor or Azure Monitor reads, checked with the tools of each.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::world::{World, repository};

/// A tool that scripts/install-checkers.sh installs.
fn checker(path: &str) -> PathBuf {
    let tool = repository().join("tests/azure/checkers").join(path);
    assert!(tool.exists(), "{path} is missing: run scripts/install-checkers.sh");
    tool
}

#[track_caller]
fn succeeded(output: &Output) {
    let said =
        [output.stdout.clone(), output.stderr.clone()].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success(), "{}:\n{said}", output.status);
}

/// The files of a folder with this ending, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(repository().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} has no .{ending}");
    found
}

fn read(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap()
}

#[test]
fn the_scripts_are_clean_by_shellcheck() {
    let scripts = [files("scripts", "sh"), files("scripts/lib", "sh")].concat();
    assert!(scripts.len() > 10, "{scripts:?}");
    succeeded(
        &Command::new(checker(".venv/bin/shellcheck"))
            .current_dir(repository())
            .args(&scripts)
            .output()
            .unwrap(),
    );
}

#[test]
fn the_scripts_can_be_run_and_the_library_cannot() {
    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o111
    };
    for script in files("scripts", "sh") {
        assert_eq!(mode(&script), 0o111, "{}", script.display());
    }
    for library in files("scripts/lib", "sh") {
        assert_eq!(mode(&library), 0, "{}", library.display());
    }
}

#[test]
fn the_workflows_are_valid() {
    let check = |schema: &str, files: &[PathBuf]| {
        let mut command = Command::new(checker(".venv/bin/check-jsonschema"));
        succeeded(&command.args(["--builtin-schema", schema]).args(files).output().unwrap());
    };
    check("vendor.github-workflows", &files(".github/workflows", "yml"));
    check("vendor.dependabot", &[repository().join(".github/dependabot.yml")]);
}

#[test]
fn actions_are_pinned_by_commit_and_secrets_are_not_stored() {
    let pinned = regex::Regex::new(r"^ +- uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$").unwrap();
    for workflow in files(".github/workflows", "yml") {
        let text = std::fs::read_to_string(&workflow).unwrap();
        for line in text.lines().filter(|line| line.contains("uses:")) {
            assert!(pinned.is_match(line), "{}: {line}", workflow.display());
        }
        assert!(!text.contains("secrets."), "{}: the workflow needs none with OIDC", workflow.display());
    }
    let text = read(".github/workflows/ci.yml");
    assert!(text.contains("run: scripts/test.sh"), "hosted builds run the command that users run");
}

#[test]
fn the_editors_files_name_tasks_and_files_that_exist() {
    let json =
        |name: &str| -> Value { serde_json::from_str(&read(&format!(".vscode/{name}.json"))).unwrap() };
    let tasks = json("tasks");
    let tasks = tasks["tasks"].as_array().unwrap();
    let labels: Vec<_> = tasks.iter().map(|task| task["label"].as_str().unwrap()).collect();
    let launch = json("launch");
    let named = tasks
        .iter()
        .map(|task| &task["dependsOn"])
        .chain(launch["configurations"].as_array().unwrap().iter().map(|launch| &launch["preLaunchTask"]));
    for name in named.filter_map(Value::as_str) {
        assert!(labels.contains(&name), "no task {name} in {labels:?}");
    }
    let settings = json("settings");
    assert!(labels.contains(&settings["azureFunctions.preDeployTask"].as_str().unwrap()));
    assert_eq!(settings["azureFunctions.projectLanguage"], "Custom");
    for command in
        tasks.iter().filter_map(|task| task["command"].as_str()).filter(|it| it.starts_with("scripts/"))
    {
        assert!(repository().join(command).is_file(), "no {command}");
    }
    let recommended = json("extensions")["recommendations"].clone();
    assert!(recommended.as_array().unwrap().contains(&json!("ms-azuretools.vscode-azurefunctions")));
}

#[test]
fn the_scripts_know_the_functions_answer() {
    let sentence = "Registration ID not provided for the device.";
    assert!(read("scripts/lib/function.sh").contains(&format!("'{sentence}'")));
    let sources: String = ignore::Walk::new(repository().join("src"))
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(sources.contains(&format!("\"{sentence}\"")), "the function no longer answers {sentence:?}");
}

#[test]
fn the_requests_name_bodies_that_exist() {
    let folder = repository().join("tests/fixtures/requests");
    let text = std::fs::read_to_string(folder.join("requests.http")).unwrap();
    let bodies: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("< ")).collect();
    assert!(bodies.len() >= 3, "{bodies:?}");
    for body in bodies {
        assert!(folder.join(body).is_file(), "no {body}");
    }
}

#[test]
fn the_queries_are_kql() {
    let document = read("docs/azure.md");
    let mut queries: Vec<String> = document
        .split("```kusto\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect();
    assert!(queries.len() >= 4, "docs/azure.md has {} queries", queries.len());
    let world = World::deployed();
    world.run("logs.sh", &[]).succeeded();
    world.run("logs.sh", &["--registration-id", "contoso-toaster-007"]).succeeded();
    queries.extend(
        world.state()["queries"].as_array().unwrap().iter().map(|query| query.as_str().unwrap().to_owned()),
    );

    succeeded(&kusto(&queries));
    // The checker does find errors.
    assert!(!kusto(&["traces | where nosuchcolumn == 1".to_owned()]).status.success());
    assert!(!kusto(&["traces | wher message == ''".to_owned()]).status.success());
}

#[test]
fn the_document_names_scripts_and_options_that_exist() {
    let document = read("docs/azure.md");
    let named = regex::Regex::new(r"scripts/([a-z-]+\.sh)((?: --[a-z-]+)*)").unwrap();
    let mut scripts = Vec::new();
    for found in named.captures_iter(&document) {
        let script = &found[1];
        let text = read(&format!("scripts/{script}"));
        for option in found[2].split_whitespace() {
            assert!(text.contains(&format!("{option} ")), "{script} has no {option}");
        }
        scripts.push(script.to_owned());
    }
    for needed in [
        "deploy.sh",
        "create-dps.sh",
        "enroll.sh",
        "rotate-key.sh",
        "derive-key.sh",
        "register-device.sh",
        "logs.sh",
        "cleanup.sh",
    ] {
        assert!(scripts.iter().any(|script| script == needed), "docs/azure.md does not mention {needed}");
    }
}

#[test]
fn the_documents_own_links_are_valid() {
    let document = read("docs/azure.md");
    let slug = |heading: &str| {
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    let headings: Vec<_> = document
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| slug(line.trim_start_matches('#').trim()))
        .collect();
    let links = regex::Regex::new(r"\]\(#([^)]+)\)").unwrap();
    for link in links.captures_iter(&document) {
        assert!(headings.iter().any(|heading| *heading == link[1]), "no heading for #{}", &link[1]);
    }
}

#[test]
fn the_commands_in_the_document_are_ones_that_az_takes() {
    let document = read("docs/azure.md");
    let blocks = document.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let lines = blocks.map(|block| block.replace("\\\n", " ")).collect::<String>();
    let commands: Vec<_> = lines.lines().filter(|line| line.starts_with("az ")).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    let world = World::enrolled();
    for command in commands {
        // The part before a pipe, with the placeholders in angle brackets as names.
        let command = command.split(" |").next().unwrap().replace(['<', '>'], "");
        let output = world.shell(&command);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_ne!(output.status.code(), Some(2), "{command}: {said}");
    }
}

fn kusto(queries: &[String]) -> Output {
    checker("node_modules/@kusto/language-service-next");
    let mut child = Command::new("node")
        .arg(checker("check-kql.js"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(queries.join("\0").as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
