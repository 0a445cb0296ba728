//! A folder with the stand-ins and a model of Azure in a file.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::Run;

/// The tag of everything the scripts create.
pub(crate) const TAG: (&str, &str) = ("created-by", "dps-custom-allocation");

/// The settings file of a world.
pub(crate) const SETTINGS: &str = "\
RESOURCE_GROUP=contoso-group
LOCATION=westus2
STORAGE_ACCOUNT=contosostorage
FUNCTION_APP=contoso-app
DPS_NAME=contoso-dps
IOT_HUBS=contoso-toasters-hub contoso-spare-hub
WAIT_SECONDS=0
POLL_SECONDS=0
";

/// One Azure and one machine.
pub(crate) struct World {
    folder: TempDir,
}

/// The top of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

// === impl World ===

impl World {
    /// Nothing exists in Azure; a user is signed in.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let world = Self { folder };
        std::fs::create_dir(world.path("bin")).unwrap();
        for name in ["az", "func", "curl"] {
            symlink(env!("CARGO_BIN_EXE_azure-stub"), world.path("bin").join(name)).unwrap();
        }
        std::fs::write(world.path("azure.env"), SETTINGS).unwrap();
        // The stand-in reads only the first two bytes.
        std::fs::write(world.path("app.zip"), "PK").unwrap();
        world.set_state(json!({}));
        world
    }

    /// The function is published.
    pub(crate) fn deployed() -> Self {
        static STATE: OnceLock<Value> = OnceLock::new();
        Self::after(&STATE, Self::new, |world| world.deploy(&[]))
    }

    /// The function is published, and there are hubs and a provisioning service.
    pub(crate) fn with_dps() -> Self {
        static STATE: OnceLock<Value> = OnceLock::new();
        Self::after(&STATE, Self::deployed, |world| world.run("create-dps.sh", &[]))
    }

    /// All that and the enrollment group.
    pub(crate) fn enrolled() -> Self {
        static STATE: OnceLock<Value> = OnceLock::new();
        Self::after(&STATE, Self::with_dps, |world| world.run("enroll.sh", &[]))
    }

    /// A world as the script leaves it; the script runs once for all tests.
    fn after(state: &OnceLock<Value>, before: fn() -> Self, script: fn(&Self) -> Run) -> Self {
        let state = state.get_or_init(|| {
            let world = before();
            script(&world).succeeded();
            world.state()
        });
        let world = Self::new();
        world.set_state(state.clone());
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// deploy.sh with an existing package.
    pub(crate) fn deploy(&self, arguments: &[&str]) -> Run {
        let package = self.path("app.zip");
        self.run("deploy.sh", &[&["--package", package.to_str().unwrap()], arguments].concat())
    }

    /// A script with this world's settings.
    pub(crate) fn run(&self, script: &str, arguments: &[&str]) -> Run {
        self.run_with(script, arguments, "", &[])
    }

    /// The same, with standard input and environment variables.
    pub(crate) fn run_with(
        &self,
        script: &str,
        arguments: &[&str],
        input: &str,
        variables: &[(&str, &str)],
    ) -> Run {
        let settings = self.path("azure.env");
        let mut command = self.command(script);
        command.arg("--settings").arg(settings).args(arguments).envs(variables.iter().copied());
        self.finish(command, input)
    }

    /// A script with the stand-ins on its PATH, and no settings file.
    pub(crate) fn command(&self, script: &str) -> Command {
        let mut path = OsString::from(self.path("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new(repository().join("scripts").join(script));
        command
            .env("PATH", path)
            .env("AZURE_STUB_STATE", self.path("state.json"))
            .env("AZURE_STUB_CALLS", self.path("calls.jsonl"))
            .env_remove("AZURE_STUB_KILL_AT")
            .env_remove("AZURE_STUB_KILL")
            // A process group of its own, which the stand-in can kill.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end and checks what must hold for every run.
    pub(crate) fn finish(&self, mut command: Command, input: &str) -> Run {
        let _ = std::fs::remove_file(self.path("calls.jsonl"));
        let mut child = command.spawn().unwrap();
        // A script that reads no input may have ended by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let calls = std::fs::read_to_string(self.path("calls.jsonl")).unwrap_or_default();
        let run = Run {
            command: format!("{command:?}"),
            status: output.status,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            calls: calls.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        };
        run.kept_its_secrets();
        run
    }

    /// A script in the working copy.
    pub(crate) fn run_in_checkout(&self, script: &str, arguments: &[&str]) -> Run {
        let script = self.checkout().join("scripts").join(script);
        let mut command = self.command(script.to_str().unwrap());
        command.arg("--settings").arg(self.path("azure.env")).args(arguments);
        self.finish(command, "")
    }

    /// A working copy with the real scripts, but builds that only write their files; made on first use.
    pub(crate) fn checkout(&self) -> PathBuf {
        let checkout = self.path("checkout");
        if checkout.exists() {
            return checkout;
        }
        std::fs::create_dir_all(checkout.join("scripts/lib")).unwrap();
        for folder in ["scripts", "scripts/lib"] {
            for file in std::fs::read_dir(repository().join(folder)).unwrap() {
                let file = file.unwrap();
                if file.file_type().unwrap().is_file() {
                    std::fs::copy(file.path(), checkout.join(folder).join(file.file_name())).unwrap();
                }
            }
        }
        std::fs::copy(repository().join("host.json"), checkout.join("host.json")).unwrap();
        for (script, writes) in
            [("build.sh", "echo >handler"), ("package.sh", "mkdir -p dist; echo PK >dist/app.zip")]
        {
            let text = format!("#!/bin/sh\ncd \"$(dirname \"$0\")/..\"\n{writes}\n");
            std::fs::write(checkout.join("scripts").join(script), text).unwrap();
        }
        self.add_function("HttpTrigger1", "{}");
        checkout
    }

    /// Adds a function to the working copy: a folder with this function.json.
    pub(crate) fn add_function(&self, name: &str, function_json: &str) {
        let folder = self.path("checkout").join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("function.json"), function_json).unwrap();
    }

    /// One command line of a shell, with the stand-ins on the PATH.
    pub(crate) fn shell(&self, line: &str) -> Output {
        Command::new("bash")
            .args(["-c", line])
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .env("AZURE_STUB_STATE", self.path("state.json"))
            .env("AZURE_STUB_CALLS", self.path("calls.jsonl"))
            .output()
            .unwrap()
    }

    /// The current model.
    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path("state.json")).unwrap()).unwrap()
    }

    pub(crate) fn set_state(&self, state: Value) {
        // Atomically: a script may be running.
        std::fs::write(self.path("state.next"), state.to_string()).unwrap();
        std::fs::rename(self.path("state.next"), self.path("state.json")).unwrap();
    }

    /// Changes the model, as somebody else could.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        change(&mut state);
        self.set_state(state);
    }

    /// Makes the next call of this command fail with this exit code and message.
    pub(crate) fn fail_next(&self, command: &str, code: u8, says: &str) {
        self.change(|state| state["failures"][command] = json!([{"code": code, "says": says}]));
    }

    /// `<type> <name>` of every resource, in order.
    pub(crate) fn resources(&self) -> Vec<String> {
        let state = self.state();
        let mut names: Vec<_> = state["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|resource| {
                format!("{} {}", resource["type"].as_str().unwrap(), resource["name"].as_str().unwrap())
            })
            .collect();
        names.sort();
        names
    }

    /// The one resource of this type.
    pub(crate) fn resource(&self, kind: &str) -> Value {
        let state = self.state();
        let mut found =
            state["resources"].as_array().unwrap().iter().filter(|resource| resource["type"] == kind);
        let resource = found.next().unwrap_or_else(|| panic!("no {kind} in {state:#}")).clone();
        assert!(found.next().is_none(), "more than one {kind} in {state:#}");
        resource
    }

    /// The function's keys by name.
    pub(crate) fn keys(&self) -> Vec<(String, String)> {
        let site = self.resource("Microsoft.Web/sites");
        let keys = site["properties"]["functionKeys"].as_object().unwrap();
        let mut keys: Vec<_> =
            keys.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        keys.sort();
        keys
    }

    /// The key in the webhook's URL of the enrollment group, decoded.
    pub(crate) fn key_of_the_enrollment(&self) -> String {
        let state = self.state();
        let group = &state["enrollment_groups"]["contoso-dps/contoso-custom-allocated-devices"];
        let url = group["customAllocationDefinition"]["webhookUrl"].as_str().unwrap();
        let code = url.strip_prefix("https://contoso-app.azurewebsites.net/api/httptrigger1?code=").unwrap();
        assert!(
            code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)),
            "{code} is not percent-encoded"
        );
        percent_encoding::percent_decode_str(code).decode_utf8().unwrap().into_owned()
    }

    /// What must not depend on the way here: the model without the values of keys and the numbers in their names.
    pub(crate) fn essence(&self) -> Value {
        let mut state = self.state();
        state["keys_made"] = Value::Null;
        state["resources"].as_array_mut().unwrap().sort_by_key(|resource| resource["name"].to_string());
        for resource in state["resources"].as_array_mut().unwrap() {
            if let Some(Value::Object(keys)) = resource["properties"].get_mut("functionKeys") {
                let mut names: Vec<_> =
                    keys.keys().map(|name| name.trim_end_matches(|end: char| end.is_ascii_digit())).collect();
                names.sort();
                resource["properties"]["functionKeys"] = json!(names);
            }
        }
        if let Some(groups) = state["enrollment_groups"].as_object_mut() {
            groups
                .values_mut()
                .for_each(|group| group["customAllocationDefinition"]["webhookUrl"] = Value::Null);
        }
        state["extensions"] = Value::Null;
        state["failures"] = Value::Null;
        state
    }
}
