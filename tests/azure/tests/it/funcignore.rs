//! `.funcignore` under the rules of the tools that read it: Core Tools have their own, other tools follow gitignore.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use regex::Regex;

use crate::world::repository;

/// Files of a working copy whose functions are `Allocate` and `HttpTrigger1`, and whether each is published.
const FILES: [(&str, bool); 36] = [
    ("allocation.yaml", true),
    ("devices.csv", true),
    ("data/devices.csv", true),
    ("data/devices.json", true),
    ("data/old/devices.csv", false),
    ("src/devices.csv", false),
    ("package.json", false),
    ("host.json", true),
    ("handler", true),
    ("HttpTrigger1/function.json", true),
    ("HttpTrigger1/sample.dat", true),
    ("Allocate/function.json", true),
    ("Allocate/sample.dat", true),
    ("Allocate/notes.md", false),
    ("Allocate/old/function.json", false),
    ("allocate_v-2/function.json", true),
    (".funcignore", false),
    (".git/config", false),
    (".github/workflows/ci.yml", false),
    (".gitignore", false),
    (".vscode/settings.json", false),
    ("Cargo.lock", false),
    ("Cargo.toml", false),
    ("README.md", false),
    ("azure.env", false),
    ("dist/app.zip", false),
    ("docs/azure.md", false),
    ("emulator/functions-host/src/lib.rs", false),
    ("local.settings.json", false),
    ("scripts/lib/azure.sh", false),
    ("src/main.rs", false),
    ("src/webhook/function.json", false),
    ("src/function.rs", false),
    ("target/.rustc_info.json", false),
    ("target/release/handler", false),
    ("tests/fixtures/requests/requests.http", false),
];

fn text() -> String {
    std::fs::read_to_string(repository().join(".funcignore")).unwrap()
}

/// The rule of Core Tools, from its `GitIgnoreParser.cs`
/// (<https://github.com/Azure/azure-functions-core-tools/tree/main/src/Cli/func/Common>): each line becomes a regular
/// expression for the beginning of a path, up to the end of a word. Only `*` and `**` are special, not `[`. A line with
/// `!` wins wherever it stands.
struct CoreTools {
    ignored: Regex,
    kept: Regex,
}

impl CoreTools {
    fn new(text: &str) -> Self {
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self {
            ignored: Self::expression(lines().filter(|line| !line.starts_with('!'))),
            kept: Self::expression(lines().filter_map(|line| line.strip_prefix('!'))),
        }
    }

    fn expression<'a>(lines: impl Iterator<Item = &'a str>) -> Regex {
        let patterns: Vec<_> = lines
            .map(|line| regex::escape(line.strip_prefix('/').unwrap_or(line)))
            .map(|line| line.replace(r"\*\*", "(.+)").replace(r"\*", "([^/]+)"))
            .collect();
        if patterns.is_empty() {
            return Regex::new("$^").unwrap();
        }
        // An ECMAScript word is ASCII.
        Regex::new(&format!(r"^(({}))(?-u:\b)", patterns.join(")|("))).unwrap()
    }

    fn ships(&self, path: &str) -> bool {
        self.kept.is_match(path) || !self.ignored.is_match(path)
    }
}

/// gitignore's rule: a file in a folder that is ignored is ignored.
fn git_ships(rules: &Gitignore, path: &str) -> bool {
    !rules.matched_path_or_any_parents(path, false).is_ignore()
}

fn git(text: &str) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for line in text.lines() {
        builder.add_line(None, line).unwrap();
    }
    builder.build().unwrap()
}

#[test]
fn the_app_and_nothing_else_is_published_under_both_rules() {
    let (core_tools, git) = (CoreTools::new(&text()), git(&text()));
    for (path, shipped) in FILES {
        assert_eq!(core_tools.ships(path), shipped, "{path} under the rules of Core Tools");
        assert_eq!(git_ships(&git, path), shipped, "{path} under the rules of gitignore");
    }
}

#[test]
fn every_file_of_the_project_is_decided_alike() {
    let (core_tools, git) = (CoreTools::new(&text()), git(&text()));
    let root = repository();
    let mut files: Vec<_> = ignore::WalkBuilder::new(&root)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    assert!(files.len() > 50, "{files:?}");
    let shipped: Vec<_> = files.iter().filter(|path| core_tools.ships(path)).collect();
    assert_eq!(shipped, ["HttpTrigger1/function.json", "HttpTrigger1/sample.dat", "host.json"]);
    for path in &files {
        assert_eq!(core_tools.ships(path), git_ships(&git, path), "{path}");
    }
}

#[test]
fn the_two_rules_differ() {
    // The obvious lines publish a part of target/, and no function under gitignore's rules.
    let core_tools = CoreTools::new("target/\n*.rs\n");
    assert!(core_tools.ships("target/.rustc_info.json") && core_tools.ships("src/main.rs"));
    let obvious = "*\n!HttpTrigger1\n";
    assert!(CoreTools::new(obvious).ships("HttpTrigger1/function.json"));
    assert!(!git_ships(&git(obvious), "HttpTrigger1/function.json"));
    // Core Tools match up to the end of a word, so they publish these too.
    for path in ["handler.exe", "Allocate/function.json~"] {
        assert!(CoreTools::new(&text()).ships(path) && !git_ships(&git(&text()), path), "{path}");
    }
    // The line for folders that gitignore needs would publish everything under Core Tools without its brackets.
    let folders = "*\n!/*/\n!/*/function.json\n";
    assert!(git_ships(&git(folders), "Allocate/function.json") && !git_ships(&git(folders), "src/main.rs"));
    assert!(CoreTools::new(folders).ships("src/main.rs"));
}
