//! Options, the settings file and `--dry-run`.

use crate::run::Run;
use crate::world::{World, repository};

const SCRIPTS: [&str; 7] = [
    "deploy.sh",
    "create-dps.sh",
    "enroll.sh",
    "rotate-key.sh",
    "register-device.sh",
    "logs.sh",
    "cleanup.sh",
];

/// A file that exists.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// A script with these arguments only, without the world's settings file.
fn bare(world: &World, script: &str, arguments: &[&str]) -> Run {
    let mut command = world.command(script);
    command.args(arguments);
    world.finish(command, "")
}

/// The options with which deploy.sh builds no package: the stand-in accepts any file that it does not publish.
fn package(script: &str) -> Vec<&'static str> {
    if script == "deploy.sh" { vec!["--package", FILE] } else { Vec::new() }
}

#[test]
fn a_dry_run_prints_every_command_and_runs_none() {
    for script in SCRIPTS {
        // In a DPS instance of somebody else, so that more than a resource group is cleaned up.
        let world = World::enrolled();
        world.change(|state| {
            for resource in state["resources"].as_array_mut().unwrap() {
                if resource["type"] == "Microsoft.Devices/provisioningServices" {
                    resource["tags"] = serde_json::json!({});
                }
            }
        });
        let run = world.run(script, &["--dry-run"]);
        run.succeeded();
        assert!(run.calls.is_empty(), "{run:#?}");
        assert!(run.stdout.lines().all(|line| !line.is_empty()), "{run:#?}");
        let commands = run.stdout.lines().filter(|line| line.starts_with("az ")).count();
        assert!(commands >= 3, "{run:#?}");
        // Whatever the script runs without --dry-run is among them.
        let kind = |words: &mut dyn Iterator<Item = &str>| {
            words.take_while(|word| !word.starts_with('-')).collect::<Vec<_>>().join(" ")
        };
        let announced: Vec<_> = run.stdout.lines().map(|line| kind(&mut line.split(' '))).collect();
        let input = "contoso-group\n";
        for call in world.run_with(script, &package(script), input, &[]).calls {
            let call = kind(&mut call.iter().map(String::as_str));
            assert!(announced.contains(&call), "{script} runs {call:?}, which is not in {announced:#?}");
        }
        // In place of a key there are stars.
        assert_eq!(run.stdout.contains("code="), run.stdout.contains("code=****"), "{run:#?}");
    }
}

#[test]
fn every_command_of_a_dry_run_is_one_that_az_takes() {
    // The stand-in checks commands and flags before anything else, and says so with exit code 2.
    let world = World::new();
    for script in SCRIPTS {
        let dry = world.run(script, &["--dry-run"]);
        for line in dry.stdout.lines().filter(|line| line.starts_with("az ")) {
            let output = world.shell(line);
            let said = String::from_utf8(output.stderr).unwrap();
            let needs_extension = said.contains("requires the extension azure-iot");
            assert!(output.status.code() != Some(2) || needs_extension, "{script}: {line}: {said}");
            assert_ne!(output.status.code(), Some(70), "{script}: {line}: {said}");
        }
    }
}

#[test]
fn all_missing_settings_are_reported_at_once() {
    let world = World::new();
    std::fs::write(world.path("empty.env"), "").unwrap();
    let settings = world.path("empty.env");
    bare(&world, "deploy.sh", &["--settings", settings.to_str().unwrap()]).failed(
        64,
        &[
            "RESOURCE_GROUP (--resource-group)",
            "STORAGE_ACCOUNT",
            "FUNCTION_APP",
            "LOCATION",
            "azure.env.example",
        ],
    );
}

#[test]
fn a_value_that_azure_would_refuse_is_refused_first() {
    let world = World::new();
    for (option, value, expected) in [
        ("--storage-account", "Contoso_Storage", "3 to 24 lower-case letters and digits"),
        ("--location", "West US 2", "a region as az names it"),
        ("--function-app", "-app", "2 to 60 letters, digits and inner hyphens"),
        ("--resource-group", "$(touch x)", "1 to 90 letters"),
        ("--instance-memory", "1024", "512, 2048 or 4096"),
        ("--maximum-instances", "many", "a number from 40 to 1000"),
        ("--maximum-instances", "39", "a number from 40 to 1000"),
        ("--maximum-instances", "1001", "a number from 40 to 1000"),
        ("--resource-group", "ends-with.", "1 to 90 letters"),
        ("--function-app", "caf\u{e9}", "2 to 60 letters, digits and inner hyphens"),
        // An octal number, to bash.
        ("--wait-seconds", "008", "a number of seconds"),
    ] {
        let run = world.deploy(&[option, value]);
        run.failed(64, &[&format!(": expected {expected}"), &format!(", found '{value}'\n")]);
        assert!(run.calls.is_empty(), "{run:#?}");
    }
    world
        .run("register-device.sh", &["--registration-id", "a b"])
        .failed(64, &["REGISTRATION_ID: expected up to 128 letters", ", found 'a b'\n"]);
    world.run("logs.sh", &["--registration-id", "x' | y"]).failed(64, &["REGISTRATION_ID"]);
    world.run("logs.sh", &["--since", "yesterday"]).failed(64, &["a time such as 30m"]);
}

#[test]
fn mistakes_on_the_command_line_are_refused() {
    let world = World::new();
    for (script, arguments, says) in [
        (
            "deploy.sh",
            &["--ressource-group", "x"][..],
            "unknown option --ressource-group; see scripts/deploy.sh --help",
        ),
        ("deploy.sh", &["--yes"], "unknown option --yes; see scripts/deploy.sh --help"),
        // Without hyphens it is not the option.
        ("deploy.sh", &["location", "x"], "unexpected argument 'location'; see scripts/deploy.sh --help"),
        ("deploy.sh", &["--location"], "--location needs a value"),
        ("cleanup.sh", &["--resource-group", ""], "--resource-group needs a value, found an empty one"),
        ("cleanup.sh", &["--yes=true"], "--yes takes no value"),
        ("cleanup.sh", &["--settings", "/nowhere"], "the settings file /nowhere does not exist"),
    ] {
        let run = world.run(script, arguments);
        run.failed(64, &[]);
        assert_eq!(run.stderr, format!("{script}: {says}\n"), "{run:#?}");
        assert!(run.calls.is_empty(), "{run:#?}");
    }
}

#[test]
fn the_settings_file_is_read_and_never_executed() {
    let world = World::new();
    let file = world.path("own.env");
    let marker = world.path("executed");
    let text = format!(
        "# mine\r\n\r\nRESOURCE_GROUP=\"other-group\"\r\nLOCATION=westus2\r\nDPS_NAME=$(touch {})\n",
        marker.display()
    );
    std::fs::write(&file, text).unwrap();
    world.run("create-dps.sh", &["--settings", file.to_str().unwrap()]).failed(
        64,
        &["DPS_NAME: expected 3 to 64 letters", ", found '$(touch", "missing: IOT_HUBS (--iot-hubs)"],
    );
    assert!(!marker.exists());

    std::fs::write(&file, "RESOURCE_GROUP=a\nRESSOURCE_GROUP=b\n").unwrap();
    world
        .run("create-dps.sh", &["--settings", file.to_str().unwrap()])
        .failed(64, &["own.env, line 2: expected NAME=value with a name from scripts/azure.env.example\n"]);
}

#[test]
fn a_script_without_settings_ignores_mistakes_in_the_file() {
    let world = World::new();
    std::fs::write(world.path("azure.env"), "RESSOURCE_GROUP=b\n").unwrap();
    world.run("derive-key.sh", &["--dry-run", "--registration-id", "a"]).succeeded();
    world.run("package.sh", &["--dry-run"]).succeeded();
    world.run("cleanup.sh", &["--dry-run"]).failed(64, &["line 1: expected NAME=value"]);

    // In the file's default place too.
    let checkout = world.checkout();
    std::fs::write(checkout.join("azure.env"), "RESSOURCE_GROUP=b\n").unwrap();
    let derive = checkout.join("scripts/derive-key.sh");
    bare(&world, derive.to_str().unwrap(), &["--dry-run", "--registration-id", "a"]).succeeded();
    bare(&world, checkout.join("scripts/deploy.sh").to_str().unwrap(), &["--dry-run"])
        .failed(64, &["azure.env, line 1: expected NAME=value"]);
}

#[test]
fn an_option_wins_over_the_settings_file() {
    let world = World::new();
    let run = world.run("create-dps.sh", &["--dry-run", "--resource-group=by-flag", "--iot-hub-sku", "F1"]);
    run.succeeded();
    assert!(run.stdout.contains("az group create --name by-flag --location westus2"), "{run:#?}");
    assert!(run.stdout.contains("--sku F1 --partition-count 2"), "{run:#?}");
}

#[test]
fn the_last_line_for_a_name_counts_and_the_environment_never() {
    let world = World::new();
    let file = world.path("own.env");
    std::fs::write(&file, "RESOURCE_GROUP=first\nFUNCTION_APP=app\nDPS_NAME=dps\nRESOURCE_GROUP=last\n")
        .unwrap();
    let mut command = world.command("cleanup.sh");
    command
        .args(["--dry-run", "--settings"])
        .arg(&file)
        .env("RESOURCE_GROUP", "of-the-environment")
        .env("DPS_NAME", "of-the-environment");
    let run = world.finish(command, "");
    run.succeeded();
    assert!(run.stdout.contains("az group exists --name last --output tsv"), "{run:#?}");
    assert!(!run.stdout.contains("of-the-environment") && !run.stdout.contains("first"), "{run:#?}");
}

#[test]
fn a_trace_shows_no_key_and_cdpath_changes_nothing() {
    let world = World::with_dps();
    let mut command = world.command("enroll.sh");
    command.arg("--settings").arg(world.path("azure.env")).env("SHELLOPTS", "xtrace");
    // Every run is checked for keys in its output.
    world.finish(command, "").succeeded();

    let run = world.shell(&format!(
        "cd '{}' && CDPATH=. scripts/deploy.sh --dry-run --settings '{}'",
        repository().display(),
        world.path("azure.env").display()
    ));
    let printed = String::from_utf8(run.stdout).unwrap();
    let package = format!("--src {}/dist/app.zip --output none", repository().display());
    assert!(run.status.success() && printed.contains(&package), "{printed}");
}

#[test]
fn the_settings_example_is_valid() {
    let example = repository().join("scripts/azure.env.example");
    let world = World::new();
    for script in SCRIPTS {
        bare(&world, script, &["--dry-run", "--settings", example.to_str().unwrap()]).succeeded();
    }
    // Lines that are commented out are settings too.
    let text = std::fs::read_to_string(example).unwrap();
    let all: String = text
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .filter(|line| {
            line.split('=').next().is_some_and(|name| {
                !name.is_empty() && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
            })
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(all.lines().count(), 13, "{all}");
    std::fs::write(world.path("all.env"), all).unwrap();
    bare(&world, "deploy.sh", &["--dry-run", "--settings", world.path("all.env").to_str().unwrap()])
        .succeeded();
}

#[test]
fn without_a_login_every_script_says_so() {
    let world = World::enrolled();
    world.change(|state| state["subscription"] = serde_json::Value::Null);
    let before = world.state();
    for script in SCRIPTS {
        let run = world.run(script, &package(script));
        run.failed(
            1,
            &[
                "ERROR: Please run 'az login' to setup account.",
                &format!("Try:         'az login', then run {script} again."),
            ],
        );
        assert_eq!(run.calls.len(), 1, "{run:#?}");
    }
    assert_eq!(world.state(), before);
}

#[test]
fn where_nothing_exists_each_script_says_what_to_run_first() {
    for (script, step, first) in [
        ("enroll.sh", "looking for the function", "deploy.sh, create-dps.sh, enroll.sh, in this order"),
        ("rotate-key.sh", "looking for the function", "deploy.sh, create-dps.sh, enroll.sh, in this order"),
        (
            "register-device.sh",
            "registering the device contoso-toaster-007",
            "deploy.sh, create-dps.sh, enroll.sh",
        ),
        (
            "logs.sh",
            "looking for the Application Insights of the app",
            "Try:         deploy.sh, if there is no app yet",
        ),
    ] {
        let world = World::new();
        world.run(script, &[]).failed(1, &[&format!("{script}: failed while {step}."), first]);
        assert!(world.resources().is_empty() && world.state()["groups"] == serde_json::json!({}));
    }
    World::new().run("cleanup.sh", &[]).succeeded();
}

#[test]
fn a_missing_tool_is_reported_before_anything_is_done() {
    let az = "install the Azure CLI: https://";
    let func = "install the Azure Functions Core Tools: npm install";
    for (script, arguments, there, missing, says) in [
        ("deploy.sh", &["--package", FILE][..], &["az"][..], "curl", "install curl"),
        ("deploy.sh", &["--with-func"], &["az", "curl"], "func", func),
        ("deploy.sh", &["--with-func"], &[], "az curl", az),
        ("create-dps.sh", &[], &[], "az", az),
        ("enroll.sh", &[], &["az"], "curl", "install curl"),
        ("rotate-key.sh", &[], &["az"], "curl", "install curl"),
        ("register-device.sh", &[], &[], "az", az),
        ("logs.sh", &[], &[], "az", az),
        ("logs.sh", &["--browser"], &["az"], "func", func),
        ("cleanup.sh", &[], &[], "az", az),
        ("derive-key.sh", &["--registration-id", "a"], &[], "od base64", "install od; install base64"),
        ("package.sh", &["--no-build"], &[], "cargo", "install cargo"),
    ] {
        let world = World::enrolled();
        let before = world.state();
        let tools = world.path("tools");
        std::fs::create_dir(&tools).unwrap();
        for tool in ["bash", "dirname", "sed", "tr", "head", "cat"] {
            let output =
                std::process::Command::new("bash").args(["-c", &format!("type -P {tool}")]).output().unwrap();
            let found = String::from_utf8(output.stdout).unwrap();
            std::os::unix::fs::symlink(found.trim(), tools.join(tool)).unwrap();
        }
        for tool in there {
            std::fs::copy(world.path("bin").join(tool), tools.join(tool)).unwrap();
        }
        let mut command = world.command(script);
        command.env("PATH", &tools).arg("--settings").arg(world.path("azure.env")).args(arguments);
        let run = world.finish(command, "");
        run.failed(
            1,
            &[
                &format!("{script}: failed while looking for the tools it needs."),
                &format!("What failed: not installed: {missing}\n"),
                says,
            ],
        );
        assert!(run.calls.is_empty() && world.state() == before, "{run:#?}");
    }
}
