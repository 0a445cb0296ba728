//! How the host starts, watches, restarts and ends the handler's process.
//!
//! The rules: `HttpWorkerProcess.cs` and `HttpFunctionInvocationDispatcher.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use functions_host::{Executable, FunctionsHost, HostOptions};
use journal::Level;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{App, DEADLINE, Running, is_alive};
use crate::program::emulator;

const STARTED: &str = "Worker process started and initialized.";
const FAILED: &str = "Error Executed 'Functions.HttpTrigger1' (Failed, Id=<id>, Duration=<n>ms)";

/// Puts the scripted handler at `path`. A link, not a file that is written here: a process that another test starts
/// meanwhile would hold it open, and a file that is open for writing cannot be executed (ETXTBSY).
fn link_handler(path: &Path) {
    symlink(env!("CARGO_BIN_EXE_scripted-handler"), path).unwrap();
}

/// An app whose handler begins as `starts` says, start by start.
fn starting(starts: &str) -> App {
    let app = App::new();
    app.settings(json!({"SCRIPTED_STARTS": starts}));
    app
}

async fn echo(running: &Running) -> Value {
    running.echo("POST", "/api/HttpTrigger1", &[], "hello").await
}

#[tokio::test]
async fn point_01_starts_the_handler_as_host_json_says() {
    let app = App::new();
    app.settings(json!({"RUST_LOG": "debug", "A_NUMBER": 7, "PATH": "not this", "HOME_OF": "there"}));
    fs::create_dir(app.path().join("work")).unwrap();
    app.host_json("/customHandler/description/workingDirectory", "work".into());
    app.host_json(
        "/customHandler/description/arguments",
        json!(["--x y", "\"a b\"", "%HOME_OF%", "%UNKNOWN%z", "c\"d  e\"f", "\"\"", "\\\"g", "\"h \\\" i"]),
    );
    let root = app.path().canonicalize().unwrap();
    let running = app.run().await;
    let echo = echo(&running).await;
    assert_eq!(echo["arguments"], json!(["--x", "y", "a b", "there", "z", "cd  ef", "", "\"g", "h \" i"]));
    assert_eq!(echo["folder"], root.join("work").to_str().unwrap());
    let environment = &echo["environment"];
    let port = running.address().port();
    for (name, value) in [
        ("RUST_LOG", "debug".to_owned()),
        ("A_NUMBER", "7".to_owned()),
        ("PATH", std::env::var("PATH").unwrap()),
        (
            "FUNCTIONS_HTTPWORKER_PORT",
            environment["FUNCTIONS_CUSTOMHANDLER_PORT"].as_str().unwrap().to_owned(),
        ),
        (
            "FUNCTIONS_HTTPWORKER_ID",
            environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"].as_str().unwrap().to_owned(),
        ),
        ("WEBSITE_HOSTNAME", format!("localhost:{port}")),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Development".to_owned()),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    let app_root = environment["FUNCTIONS_APP_ROOT_PATH"].as_str().unwrap();
    assert_eq!(fs::canonicalize(app_root).unwrap(), root);
    let id = environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"].as_str().unwrap();
    assert!(uuid::Uuid::try_parse(id).is_ok(), "{id}");
}

#[tokio::test]
async fn point_01_finds_the_executable_in_the_app_or_on_the_path() {
    let place = |app: &App, file: &str| {
        let path = app.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        link_handler(&path);
    };
    for (file, path, setting) in [
        ("handler", "handler", None),
        ("bin/handler", "bin/handler", None),
        ("handler", "%SELF%", None),
        ("other", "nowhere", Some("other")),
    ] {
        let app = App::new();
        place(&app, file);
        app.host_json("/customHandler/description/defaultExecutablePath", path.into());
        let mut settings = json!({"SELF": "handler"});
        if let Some(setting) = setting {
            settings["AzureFunctionsJobHost__customHandler__description__defaultExecutablePath"] =
                setting.into();
        }
        app.settings(settings);
        let running = app.run().await;
        assert_eq!(echo(&running).await["line"], "POST /HttpTrigger1", "{file} {path}");
    }
    // `workingDirectory` has no part in it; `workerDirectory` has, and so have the options.
    let app = App::new();
    place(&app, "bin/handler");
    app.host_json(
        "/customHandler/description",
        json!({"defaultExecutablePath": "handler", "workerDirectory": "bin"}),
    );
    app.run().await;
    let app = App::new();
    place(&app, "mine");
    app.host_json("/customHandler/description/defaultExecutablePath", "nowhere".into());
    app.run_with(|options| options.executable = Executable::This("mine".into())).await;

    // A build's folder takes the place of PATH for a mere name that the app does not hold, and of nothing else.
    for (named, built, runs) in
        [("handler", "handler", true), ("bin/handler", "handler", false), ("other", "handler", false)]
    {
        let (app, build) = (App::new(), App::new());
        place(&build, built);
        app.host_json("/customHandler/description/defaultExecutablePath", named.into());
        let in_build = |options: &mut HostOptions| {
            options.executable = Executable::NamedOrIn(build.path().to_owned());
        };
        match runs {
            true => drop(app.run_with(in_build).await),
            false => assert!(
                app.refused_with(in_build).await.contains("expected an executable file, found none at"),
                "{named}"
            ),
        }
    }

    let app = App::new();
    app.host_json("/customHandler/description/defaultExecutablePath", "no-such-handler".into());
    let expected = "host.json: customHandler.description.defaultExecutablePath: expected an executable file, found none at no-such-handler or on PATH";
    assert_eq!(app.refused().await, expected);
}

#[tokio::test]
async fn point_02_restarts_on_the_same_loopback_port() {
    let running = App::new().run().await;
    let first = echo(&running).await;
    assert_eq!(running.post(r#"{"exit": 200}"#).await.status, 500);
    running.log.wait_for_times(2, Level::Information, STARTED).await;
    let second = echo(&running).await;
    assert_ne!(first["pid"], second["pid"]);
    let setting = |echo: &Value, name: &str| echo["environment"][name].clone();
    assert_eq!(
        setting(&first, "FUNCTIONS_CUSTOMHANDLER_PORT"),
        setting(&second, "FUNCTIONS_CUSTOMHANDLER_PORT")
    );
    assert_ne!(
        setting(&first, "FUNCTIONS_CUSTOMHANDLER_WORKER_ID"),
        setting(&second, "FUNCTIONS_CUSTOMHANDLER_WORKER_ID")
    );
}

#[tokio::test]
async fn point_03_any_answer_to_get_counts_as_ready() {
    // The scripted handler answers 200 to `GET /`, late or at once; the other one speaks no HTTP.
    for starts in ["serve", "late:400", "garbage"] {
        let running = starting(starts).run().await;
        assert!(running.log.lines().contains(&format!("Information {STARTED}")), "{starts}");
    }
}

#[tokio::test]
async fn point_03_calls_wait_for_a_handler_that_starts() {
    let running = starting("late:400").start(|_| {}).await;
    assert_eq!(echo(&running).await["line"], "POST /HttpTrigger1");
}

#[tokio::test]
async fn point_03_a_handler_that_never_answers_is_started_again_and_given_up() {
    let limit = Duration::from_millis(200);
    let running = starting("silent").start(|options| options.initialization_timeout = Some(limit)).await;
    timeout(DEADLINE, running.host.stopped()).await.expect("the host gives up");
    let errors: Vec<String> =
        running.log.lines().into_iter().filter(|line| line.starts_with("Error")).collect();
    assert_eq!(errors.len(), 4, "{errors:?}");
    for error in &errors[..3] {
        assert!(error.starts_with("Error Failed to start http worker process. Initializing HttpWorker timed out: nothing answered on 127.0.0.1:"), "{error}");
        assert!(error.ends_with(" within 200ms"), "{error}");
    }
    assert_eq!(errors[3], "Error Exceeded http worker restart retry count. Shutting down Functions Host");
    let answered = running.post("hello").await;
    assert_eq!(answered.summary(), (503, "text/plain; charset=utf-8", "Function host is not running."));
}

#[tokio::test]
async fn point_03_a_call_gives_up_a_handler_that_is_gone() {
    // The handler crashes, and its executable is no longer there to be started again.
    let app = App::new();
    link_handler(&app.path().join("handler"));
    app.host_json("/customHandler/description/defaultExecutablePath", "handler".into());
    let running = app.run_with(|options| options.initialization_timeout = Some(Duration::from_secs(3))).await;
    fs::remove_file(running.file("handler")).unwrap();
    assert_eq!(running.post(r#"{"exit": 1}"#).await.status, 500);
    running.log.wait_for(Level::Error, "Failed to start Worker Channel. Process fileName: ").await;
    assert_eq!(running.post("hello").await.status, 500);
    let expected =
        "Final functionDispatcher state: Initializing. Initialization timed out and host is shutting down";
    running.log.wait_for(Level::Error, expected).await;
    timeout(DEADLINE, running.host.stopped()).await.expect("the host gives up");
}

#[tokio::test]
async fn point_20_each_line_of_the_handler_has_the_hosts_level() {
    let running = starting("shout:loud").run().await;
    for (level, text) in
        [(Level::Information, "out loud"), (Level::Error, "err loud"), (Level::Warning, "warning loud")]
    {
        running.log.wait_for(level, text).await;
    }
    let script = json!({
        "stdout": ["ERROR on stdout", "LanguageWorkerConsoleLog hidden"],
        "stderr": [
            "it failed", "a warning: it failed", "azfuncjsonlog:{}", "error: prewarned",
            "languageworkerconsolelogshown",
        ],
    });
    running.post(&script.to_string()).await;
    running.log.wait_for(Level::Information, "ERROR on stdout").await;
    running.log.wait_for(Level::Error, "it failed").await;
    running.log.wait_for(Level::Warning, "a warning: it failed").await;
    running.log.wait_for(Level::Warning, "error: prewarned").await;
    running.log.wait_for(Level::Error, "shown").await;
    let log = running.log.text();
    assert!(!log.contains("hidden") && !log.contains("azfuncjsonlog"), "{log}");
}

#[tokio::test]
async fn point_20_stderr_may_be_information() {
    let app = starting("shout:loud");
    app.host_json("/customHandler/description/useStdErrorStreamForErrorsOnly", false.into());
    let running = app.run().await;
    running.log.wait_for(Level::Information, "err loud").await;
    running.post(r#"{"stderr": ["it FAILed"]}"#).await;
    running.log.wait_for(Level::Error, "it FAILed").await;
}

#[tokio::test]
async fn point_20_a_line_without_end_is_told_in_pieces() {
    let running = App::new().run().await;
    running.post(&json!({"stdout": ["x".repeat(200_000)]}).to_string()).await;
    running.log.wait_for_times(3, Level::Information, &"x".repeat(65_536)).await;
    running.log.wait_for_times(4, Level::Information, &"x".repeat(200_000 - 3 * 65_536)).await;
}

#[tokio::test]
async fn point_22_a_crash_fails_the_call_and_the_handler_is_started_again() {
    let running = App::new().run().await;
    let script = r#"{"stderr": ["one", "two", "a warning", "three", "four"], "exit": 3}"#;
    assert_eq!(running.post(script).await.summary(), (500, "-", ""));
    running.log.wait_for_times(2, Level::Information, STARTED).await;
    assert_eq!(echo(&running).await["line"], "POST /HttpTrigger1");
    let lines = running.log.lines();
    let at =
        lines.iter().position(|line| line.starts_with("Error Language Worker Process exited. Pid=")).unwrap();
    assert!(lines[at + 1].ends_with("scripted-handler exited with code 3 (0x3)"), "{}", lines[at + 1]);
    assert_eq!(lines[at + 2], "Error two,three,four");
    assert!(lines.contains(&FAILED.to_owned()), "{lines:?}");
}

#[tokio::test]
async fn point_22_the_third_failure_ends_the_host() {
    let running = starting("exit:3,exit:4,exit:5").start(|_| {}).await;
    timeout(DEADLINE, running.host.stopped()).await.expect("the host gives up");
    assert!(!running.host.ready().await);
    let lines = running.log.lines();
    for code in ["3 (0x3)", "4 (0x4)", "5 (0x5)"] {
        let ended = format!("scripted-handler exited with code {code}");
        assert_eq!(lines.iter().filter(|line| line.ends_with(&ended)).count(), 1, "{code}");
    }
    assert_eq!(
        lines.last().unwrap(),
        "Error Exceeded http worker restart retry count. Shutting down Functions Host"
    );
    assert_eq!(fs::read_to_string(running.file("starts")).unwrap(), "3");
}

#[tokio::test]
async fn point_22_two_failures_do_not_end_the_host_and_old_ones_are_forgiven() {
    let running = starting("exit:1,exit:1,serve").run().await;
    assert_eq!(echo(&running).await["line"], "POST /HttpTrigger1");

    let forgiving = |options: &mut functions_host::HostOptions| {
        options.failures_count_for = Duration::from_millis(100);
    };
    let running = App::new().run_with(forgiving).await;
    for crash in 2..=5 {
        assert_eq!(running.post(r#"{"sleep_ms": 150, "exit": 1}"#).await.status, 500);
        running.log.wait_for_times(crash, Level::Information, STARTED).await;
    }
    assert_eq!(echo(&running).await["line"], "POST /HttpTrigger1");
}

#[tokio::test]
async fn point_22_exit_200_is_free_and_exit_0_is_final() {
    let running = App::new().run().await;
    for exit in 2..=5 {
        assert_eq!(running.post(r#"{"exit": 200}"#).await.status, 500);
        running.log.wait_for_times(exit, Level::Information, STARTED).await;
    }
    assert!(!running.log.text().contains("Language Worker Process exited"));

    assert_eq!(running.post(r#"{"exit": 0}"#).await.status, 500);
    running
        .log
        .wait_for(Level::Warning, "scripted-handler exited with code 0: the host takes that for no failure")
        .await;
    for _ in 0..3 {
        assert_eq!(running.post("hello").await.summary(), (500, "-", ""));
    }
    let last = running.log.lines().pop().unwrap();
    assert!(last.contains("Connection refused"), "{last}");
    assert_eq!(fs::read_to_string(running.file("starts")).unwrap(), "5");
}

#[tokio::test]
async fn point_22_a_handler_that_is_killed_counts_as_failed() {
    let running = App::new().run().await;
    let pid = echo(&running).await["pid"].as_u64().unwrap();
    let (address, request) = (running.address(), r#"{"sleep_ms": 60000}"#);
    let call = tokio::spawn(async move {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /api/HttpTrigger1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            request.len()
        );
        exchange(stream, &(head + request)).await
    });
    running.log.wait_for_times(2, Level::Information, "Executing 'Functions.HttpTrigger1'").await;
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    let answer = timeout(DEADLINE, call).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    running.log.wait_for(Level::Error, "exited with code 137 (0x89)").await;
    running.log.wait_for_times(2, Level::Information, STARTED).await;
    assert_eq!(echo(&running).await["line"], "POST /HttpTrigger1");
}

#[tokio::test]
async fn point_23_stopping_kills_the_handler_and_what_it_started() {
    // A busy machine can only add to the time: one stop in three shows how long it takes.
    let soon = Duration::from_secs(2);
    let mut took = Vec::new();
    while took.iter().all(|took| *took >= soon) {
        assert!(took.len() < 3, "{took:?}");
        took.push(ended_with_its_handler(async |host| host.stop().await).await);
    }
    ended_with_its_handler(async |host| drop(host)).await;
}

#[tokio::test]
async fn a_handler_that_ends_takes_its_watchdog_along() {
    let running = App::new().run().await;
    let pid = echo(&running).await["pid"].as_u64().unwrap();
    assert_eq!(watchdogs(pid).len(), 1);
    assert_eq!(running.post(r#"{"exit": 200}"#).await.status, 500);
    running.log.wait_for_times(2, Level::Information, STARTED).await;
    gone(&watchdogs(pid)).await;

    let pid = echo(&running).await["pid"].as_u64().unwrap();
    let watchdogs = watchdogs(pid);
    assert_eq!(watchdogs.len(), 1);
    running.host.stop().await;
    gone(&watchdogs).await;
}

#[tokio::test]
async fn a_killed_emulator_leaves_no_handler_running() {
    let app = App::new();
    let mut command = emulator(["host", "--port", "0", "--app"]);
    let mut emulator = command.arg(app.path()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let started = app.path().join("starts");
    let deadline = Instant::now() + DEADLINE;
    let handler = loop {
        // The handler has started when it has counted that; its parent is the emulator.
        let children = children(emulator.id());
        match children.iter().find(|(_, line)| line.contains("scripted-handler")) {
            Some((pid, _)) if started.exists() && children.len() == 2 => break *pid,
            _ => assert!(Instant::now() < deadline, "no handler and watchdog: {children:?}"),
        }
        sleep(Duration::from_millis(10)).await;
    };
    assert!(is_alive(handler));
    let watchdogs = watchdogs(handler);
    emulator.kill().unwrap();
    emulator.wait().unwrap();
    gone(&[handler]).await;
    gone(&watchdogs).await;
}

/// The watchdogs of the handler `pid`.
fn watchdogs(pid: u64) -> Vec<u64> {
    let named = format!("handler-watchdog\0{pid}\0");
    processes().into_iter().filter(|(_, _, line)| line.ends_with(&named)).map(|(pid, ..)| pid).collect()
}

/// The processes that `parent` started, with their command lines.
fn children(parent: u32) -> Vec<(u64, String)> {
    let children = processes().into_iter().filter(|(_, of, _)| *of == u64::from(parent));
    children.map(|(pid, _, line)| (pid, line)).collect()
}

/// All processes: their ids, their parents', their command lines.
fn processes() -> Vec<(u64, u64, String)> {
    let process = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((pid, parent, fs::read_to_string(entry.path().join("cmdline")).ok()?))
    };
    fs::read_dir("/proc").unwrap().filter_map(process).collect()
}

/// Waits until the processes `pids` have ended.
async fn gone(pids: &[u64]) {
    let deadline = Instant::now() + DEADLINE;
    while let Some(pid) = pids.iter().find(|&&pid| is_alive(pid)) {
        assert!(Instant::now() < deadline, "{pid} is left behind");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Ends a host whose handler started another process, and waits until that is gone too; how long the host took.
async fn ended_with_its_handler(end: impl AsyncFnOnce(FunctionsHost)) -> Duration {
    let app = App::new();
    let script = format!("\"'{}' & echo started $!; wait\"", env!("CARGO_BIN_EXE_scripted-handler"));
    app.host_json(
        "/customHandler/description",
        json!({"defaultExecutablePath": "sh", "arguments": ["-c", script]}),
    );
    let running = app.run().await;
    let pid = echo(&running).await["pid"].as_u64().unwrap();
    running.log.wait_for(Level::Information, &format!("started {pid}")).await;
    assert!(is_alive(pid));
    let (host, _folder) = running.into_host();
    let start = Instant::now();
    timeout(DEADLINE, end(host)).await.expect("the host ends");
    let took = start.elapsed();
    gone(&[pid]).await;
    took
}

#[tokio::test]
async fn point_24_a_call_that_takes_too_long_fails_and_the_handler_is_started_again() {
    let app = App::new();
    app.host_json("/functionTimeout", "00:00:02".into());
    let running = app.run().await;
    let before = echo(&running).await["pid"].clone();
    let start = Instant::now();
    assert_eq!(running.post(r#"{"sleep_ms": 60000}"#).await.summary(), (500, "-", ""));
    assert!(start.elapsed() >= Duration::from_secs(2));
    running.log.wait_for_times(2, Level::Information, STARTED).await;
    assert_ne!(echo(&running).await["pid"], before);
    let lines = running.log.lines();
    let at = lines.iter().position(|line| line.starts_with("Error Timeout")).unwrap();
    assert_eq!(
        lines[at..at + 3],
        [
            "Error Timeout value of 00:00:02 exceeded by function 'Functions.HttpTrigger1' (Id: '<id>'). Initiating cancellation.",
            FAILED,
            "Error Exception while executing function: Functions.HttpTrigger1. The call was cancelled.",
        ]
    );
}

async fn exchange(mut stream: tokio::net::TcpStream, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
