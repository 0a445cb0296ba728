//! The commands that run until Ctrl-C: how they end, and what they do on the way.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::host::App;
use crate::program::{DEADLINE, emulator, handler, run, run_for, wait};

/// Ctrl-C ends everything within this.
const SOON: Duration = Duration::from_secs(2);

/// Free ports.
const UP: [&str; 7] = ["up", "--port", "0", "--mqtt-port", "0", "--https-port", "0"];

/// A command that runs until Ctrl-C.
struct Running {
    child: Child,
    lines: Receiver<String>,
    printed: String,
    _state: TempDir,
    _app: Option<App>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut command = emulator(args);
        let mut app = None;
        match args[0] {
            "dps" => {
                let config = state.path().join("dps.json");
                let hubs = ["a.azure-devices.net".to_owned()];
                fs::write(&config, dps_emulator::contoso::configuration(&hubs, "http://localhost/")).unwrap();
                command.arg("--config").arg(config);
            }
            // Its calls never end, so that it is in the middle of the tutorial whenever it is looked at.
            "tutorial" => {
                let mute = App::new();
                mute.settings(json!({"SCRIPTED_STARTS": "mute"}));
                command.arg("--app").arg(mute.path());
                app = Some(mute);
            }
            _ => {
                command.arg("--app").arg(root).arg("--handler").arg(handler());
            }
        }
        if matches!(args[0], "dps" | "up") {
            command.arg("--state").arg(state.path());
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines, printed: String::new(), _state: state, _app: app }
    }

    /// Waits until a line with `text` is printed.
    fn waits_for(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let errors = self.errors();
                panic!("never printed: {text}\n{}\n{errors}", self.printed);
            };
            self.printed.push_str(&line);
            self.printed.push('\n');
            if line.contains(text) {
                return;
            }
        }
    }

    /// The processes that it started: a handler, and what ends the handler if the command is killed.
    fn children(&self) -> Vec<u32> {
        processes().into_iter().filter(|(_, parent)| *parent == self.child.id()).map(|(id, _)| id).collect()
    }

    /// Sends `signal`, and checks that all ends, with this exit code; how long it took.
    fn ends(mut self, signal: Signal, code: i32) -> Duration {
        let children = self.children();
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        let begun = Instant::now();
        kill_process(pid, signal).unwrap();
        let ended = wait(&mut self.child, DEADLINE);
        let took = begun.elapsed();
        let errors = self.errors();
        assert_eq!(ended, Some(code), "{signal:?}\n{}\n{errors}", self.printed);
        let alive = || processes().into_iter().map(|(id, _)| id).find(|id| children.contains(id));
        while let Some(id) = alive() {
            // What is killed is still there for a moment.
            assert!(begun.elapsed() < DEADLINE, "left behind: {id}\n{}\n{errors}", self.printed);
            thread::sleep(Duration::from_millis(10));
        }
        took
    }

    fn errors(&mut self) -> String {
        let _ = self.child.kill();
        let mut errors = String::new();
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut errors);
        errors
    }
}

/// Begins a command and ends it by `signal`, which is to take less than [`SOON`]. A busy machine can only add to the
/// time: one end in three shows how long it takes.
fn ends_soon(signal: Signal, code: i32, begin: impl Fn() -> Running) {
    let mut took: Vec<Duration> = Vec::new();
    while took.iter().all(|took| *took >= SOON) {
        assert!(took.len() < 3, "{signal:?}: {took:?}");
        took.push(begin().ends(signal, code));
    }
}

/// All processes of this machine, each with its parent.
fn processes() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // `1234 (name) S 1 …`; a zombie is gone as far as anybody cares.
            let (_, rest) = stat.rsplit_once(") ")?;
            let mut fields = rest.split(' ');
            let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
            (state != "Z").then_some((id, parent))
        })
        .collect()
}

#[test]
fn ctrl_c_ends_every_command_and_its_handler() {
    for signal in [Signal::INT, Signal::TERM] {
        ends_soon(signal, 0, || {
            let mut up = Running::start(&UP);
            up.waits_for("Ctrl-C ends it.");
            assert_eq!(up.children().len(), 2, "{}", up.printed);
            up
        });
        ends_soon(signal, 0, || {
            let mut host = Running::start(&["host", "--port", "0"]);
            host.waits_for("Worker process started and initialized.");
            assert_eq!(host.children().len(), 2, "{}", host.printed);
            host
        });
        ends_soon(signal, 0, || {
            let mut dps = Running::start(&["dps", "--mqtt-port", "0", "--https-port", "0"]);
            dps.waits_for("devices must trust ");
            dps
        });
        ends_soon(signal, 1, || {
            let mut tutorial = Running::start(&["tutorial"]);
            tutorial.waits_for("Simulate the Contoso toaster device");
            assert_eq!(tutorial.children().len(), 2, "{}", tutorial.printed);
            tutorial
        });
        ends_soon(signal, 1, || {
            let fleet = Running::start(&["fleet", "--count", "1000000"]);
            let deadline = Instant::now() + DEADLINE;
            while fleet.children().len() < 2 && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(10));
            }
            assert_eq!(fleet.children().len(), 2);
            fleet
        });
    }
}

/// `up` on free ports, and all that it prints until it is ready.
fn up() -> (Running, String) {
    let mut up = Running::start(&[&UP[..], &["--retry-after", "1"]].concat());
    up.waits_for("Ctrl-C ends it.");
    let printed = up.printed.clone();
    (up, printed)
}

/// What `up` prints under a heading.
fn section(printed: &str, heading: &str) -> String {
    let begun = printed.split_once(&format!("\n=== {heading} ===\n\n"));
    let (_, begun) = begun.unwrap_or_else(|| panic!("no heading {heading}\n{printed}"));
    begun.split("\n\n=== ").next().unwrap().split("\n\nCtrl-C ends it.").next().unwrap().to_owned()
}

/// A port that `up` names, such as `MQTT localhost:18883`.
fn port<'a>(printed: &'a str, before: &str) -> &'a str {
    let (_, rest) = printed.split_once(&format!("{before} localhost:")).unwrap();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap()
}

/// Pastes `snippet` into a shell, in `folder`: the last line that it prints.
fn paste(snippet: &str, folder: &Path, environment: &[(&str, String)]) -> String {
    let mut shell = Command::new("bash");
    shell
        .arg("-c")
        .arg(snippet)
        .current_dir(folder)
        .envs(environment.iter().map(|(name, value)| (name, value)));
    let pasted = run_for(&mut shell, "", Duration::from_secs(600));
    assert_eq!(pasted.code, 0, "{pasted}");
    pasted.stdout.lines().last().unwrap_or_else(|| panic!("no output\n{pasted}")).to_owned()
}

/// What an SDK prints for the assigned toaster.
const ASSIGNED: &str = "assigned contoso-toasters-hub-1098.azure-devices.net contoso-toaster-007";

#[test]
fn what_up_prints_for_this_tool_python_and_node_registers_a_device() {
    let (mut up, printed) = up();
    let folder = tempfile::tempdir().unwrap();
    let last = paste(&section(&printed, "This tool"), folder.path(), &[]);
    assert!(
        last.ends_with("contoso-toasters-hub-1098.azure-devices.net, deviceId: contoso-toaster-007"),
        "{last}"
    );

    // The first line installs what the tests have installed already.
    let without_install = |heading: &str, install: &str| {
        let snippet = section(&printed, heading);
        let (first, rest) = snippet.split_once('\n').unwrap();
        assert!(first.starts_with(install), "{snippet}");
        rest.to_owned()
    };
    let sdks = crate::sdk::installed();
    let node = without_install("Node.js", "npm install azure-iot-provisioning-device ");
    assert_eq!(paste(&node, &sdks.join("node"), &[]), ASSIGNED);

    // The SDK for Python connects to 8883 only: here that leads to the port that `up` has.
    let redirect = format!(
        "import socket\nconnect = socket.create_connection\n\
         def redirected(address, *rest, **named):\n    \
         return connect((address[0], {}) if address[1] == 8883 else address, *rest, **named)\n\
         socket.create_connection = redirected\n",
        port(&printed, "MQTT")
    );
    fs::write(folder.path().join("sitecustomize.py"), redirect).unwrap();
    let path = format!("{}:{}", sdks.join("python/.venv/bin").display(), std::env::var("PATH").unwrap());
    let environment = [("PATH", path), ("PYTHONPATH", folder.path().display().to_string())];
    let python = without_install("Python", "pip install azure-iot-device");
    assert_eq!(paste(&python, folder.path(), &environment), ASSIGNED);

    // The log tells whether a device is known.
    up.waits_for("contoso-toaster-007: registers by the enrollment group contoso-custom-allocated-devices, for the first time");
    up.ends(Signal::INT, 0);
}

#[test]
fn what_up_prints_for_rust_curl_and_mosquitto_registers_a_device() {
    let (up, printed) = up();
    crate::sdk::installed();
    let folder = tempfile::tempdir().unwrap();
    // Compiled once for all runs of this test.
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/rust-snippet").to_owned();
    for (heading, environment) in
        [("curl", vec![]), ("mosquitto", vec![]), ("Rust", vec![("CARGO_TARGET_DIR", target)])]
    {
        let snippet = section(&printed, heading);
        assert!(snippet.contains("The token is valid until 20"), "{snippet}");
        let answer = paste(&snippet, folder.path(), &environment);
        let answer: serde_json::Value =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{heading}: {error}: {answer}"));
        let state = &answer["registrationState"];
        assert_eq!(
            (&answer["status"], &state["assignedHub"], &state["deviceId"]),
            (
                &json!("assigned"),
                &json!("contoso-toasters-hub-1098.azure-devices.net"),
                &json!("contoso-toaster-007")
            ),
            "{heading}: {answer}\n{snippet}"
        );
    }
    up.ends(Signal::INT, 0);
}

#[test]
fn what_up_prints_for_c_and_dotnet_is_complete() {
    let (up, printed) = up();
    let (mqtt, ca) = (port(&printed, "MQTT"), printed.split_once("Certificate authority:  ").unwrap().1);
    let ca = ca.lines().next().unwrap();
    let key = "NXZgydIn9ntUpXfBsWFfaxJqAYVfgGQsshvA5GboGJI=";
    let c = section(&printed, "C");
    for part in [
        "static const char* global_prov_uri = \"localhost\";",
        "static const char* id_scope = \"0ne00002193\";",
        "hsm_type = SECURE_DEVICE_TYPE_SYMMETRIC_KEY;",
        &format!("prov_dev_set_symmetric_key_info(\"contoso-toaster-007\", \"{key}\");"),
        r#"Prov_Device_Set_Provisioning_Payload(prov_device_handle, "{\"MyDeviceFirmwareVersion\":\"12.0.2.5\","#,
        "git submodule update --init\n",
        "cmake -S . -B cmake -Duse_prov_client:BOOL=ON -Dhsm_type_symm_key:BOOL=ON\n",
        "cmake --build cmake --target prov_dev_client_sample\n",
        &format!(
            "SSL_CERT_FILE={ca} cmake/provisioning_client/samples/prov_dev_client_sample/prov_dev_client_sample"
        ),
    ] {
        assert!(c.contains(part), "missing: {part}\n{c}");
    }
    let dotnet = section(&printed, ".NET");
    for part in [
        "#:package Microsoft.Azure.Devices.Provisioning.Client@1.19.4\n",
        "#:package Microsoft.Azure.Devices.Provisioning.Transport.Mqtt@1.17.5\n",
        &format!("new SecurityProviderSymmetricKey(\"contoso-toaster-007\", \"{key}\", null)"),
        &format!("ProvisioningTransportHandlerMqtt(TransportFallbackType.TcpOnly) {{ Port = {mqtt} }}"),
        "ProvisioningDeviceClient.Create(\"127.0.0.1\", \"0ne00002193\", ",
        &format!("SSL_CERT_FILE={ca} dotnet run toaster.cs"),
    ] {
        assert!(dotnet.contains(part), "missing: {part}\n{dotnet}");
    }
    up.ends(Signal::INT, 0);
}

#[test]
fn up_names_the_sdks_that_cannot_connect_to_its_mqtt_port() {
    let (up, printed) = up();
    let mqtt = port(&printed, "MQTT");
    let note = format!(
        "# This SDK connects to port 8883 only, and here MQTT is at {mqtt}: start this with --mqtt-port 8883."
    );
    for heading in ["This tool", "C", ".NET", "Python", "Node.js", "Rust", "curl", "mosquitto"] {
        let fixed = ["C", "Python"].contains(&heading);
        assert_eq!(section(&printed, heading).contains(&note), fixed, "{heading}\n{printed}");
    }
    up.ends(Signal::INT, 0);
}

#[test]
fn a_function_key_is_required_when_one_is_set() {
    let mut host = Running::start(&["host", "--port", "0", "--function-key", "a-key-made-up-for-this-test"]);
    host.waits_for("HttpTrigger1: [POST] http://localhost:");
    let address = host.printed.split_once("http://").unwrap().1.split('/').next().unwrap().to_owned();
    host.waits_for("Worker process started and initialized.");
    let status = |query: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let request = format!(
            "POST /api/HttpTrigger1{query} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).map(str::to_owned)
    };
    assert_eq!(status("").as_deref(), Some("401"));
    assert_eq!(status("?code=another").as_deref(), Some("401"));
    assert_eq!(status("?code=a-key-made-up-for-this-test").as_deref(), Some("400"), "no registration id");
    host.ends(Signal::INT, 0);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for args in [
        ["host", "--port", &port, "--address", "127.0.0.1"],
        ["dps", "--mqtt-port", &port, "--https-port", "0"],
        ["dps", "--https-port", &port, "--mqtt-port", "0"],
    ] {
        let mut refused = Running::start(&args);
        assert_eq!(wait(&mut refused.child, DEADLINE), Some(1), "{args:?}");
        let errors = refused.errors();
        assert!(
            errors.starts_with("dps-emulator: cannot listen ") && errors.contains(&port),
            "{args:?}\n{errors}"
        );
    }
}

#[test]
fn a_taken_port_is_named_in_one_sentence_with_the_option_that_sets_another() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let free = ["--port", "--mqtt-port", "--https-port"];
    for option in free {
        for command in ["up", "dps"] {
            if (command, option) == ("dps", "--port") {
                continue;
            }
            let ports = free.iter().filter(|name| command == "up" || **name != "--port");
            let ports = ports.flat_map(|name| [*name, if *name == option { &port } else { "0" }]);
            let mut refused = Running::start(&[command].into_iter().chain(ports).collect::<Vec<_>>());
            assert_eq!(wait(&mut refused.child, DEADLINE), Some(1), "{command} {option}");
            let errors = refused.errors();
            assert!(errors.starts_with("dps-emulator: cannot listen ") && errors.contains(&port), "{errors}");
            assert!(errors.contains(option) && errors.lines().count() == 1, "{command} {option}\n{errors}");
        }
    }
}

#[test]
fn an_app_of_another_kind_runs_its_own_handler() {
    // The tutorial's handler lies beside the emulator's program in the folder of the build, built by now.
    handler();
    let app = tempfile::tempdir().unwrap();
    fs::create_dir(app.path().join("Other")).unwrap();
    let bindings = r#"{"bindings": [{"type": "httpTrigger", "name": "req"}, {"type": "http", "direction": "out", "name": "res"}]}"#;
    fs::write(app.path().join("Other/function.json"), bindings).unwrap();
    let host = r#"{"version": "2.0", "customHandler": {"description": {"defaultExecutablePath": "sh", "arguments": ["-c", "\"echo mine; exit 3\""]}}}"#;
    fs::write(app.path().join("host.json"), host).unwrap();
    let ended = run(emulator(["host", "--port", "0", "--app"]).arg(app.path()), "");
    assert_eq!(ended.code, 1, "{ended}");
    assert_eq!(ended.stdout.matches("[Information] mine").count(), 3, "{ended}");
    assert!(ended.stdout.contains("sh exited with code 3 (0x3)"), "{ended}");
    let given_up = "dps-emulator: the host has given up its handler; the log above says why\n";
    assert_eq!(ended.stderr, given_up, "{ended}");
}
