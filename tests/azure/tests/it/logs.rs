//! logs.sh.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;

/// Lines of the tutorial's log of the toaster as the query returns them: ingestion time and line.
const LINES: [(&str, &str); 3] = [
    (
        "2026-01-01T00:00:10Z",
        "2020-09-23T11:44:41.380 [Information] Rust HTTP trigger function processed a request.",
    ),
    ("2026-01-01T00:00:10Z", "2020-09-23T11:44:41.381 [Information] Request.Body:..."),
    ("2026-01-01T00:00:12Z", "2020-09-23T11:44:41.688 [Information] Response"),
];

fn world() -> World {
    let world = World::deployed();
    world.change(|state| state["log_rows"] = json!(LINES));
    world
}

fn query(world: &World) -> String {
    world.state()["queries"][0].as_str().unwrap().to_owned()
}

#[test]
fn the_lines_are_printed_as_in_the_tutorial() {
    let world = world();
    let run = world.run("logs.sh", &["--registration-id", "contoso-toaster-007"]);
    run.succeeded();
    let printed: Vec<_> = run.stdout.lines().filter(|line| line.starts_with("2020")).collect();
    assert_eq!(printed, LINES.map(|(_, line)| line));
    let query = query(&world);
    assert!(query.contains("id =~ 'contoso-toaster-007'"), "{query}");
    assert!(query.contains("ago(1h)") && query.contains("top 10 by at"), "{query}");
    assert!(query.contains(r"@'[\r\n]+'"), "expected KQL without JSON's escapes: {query}");
}

#[test]
fn without_a_registration_id_it_prints_the_last_invocations_of_all_devices() {
    let world = world();
    world.run("logs.sh", &["--since", "2d", "--last", "3"]).succeeded();
    let query = query(&world);
    assert!(query.contains("ago(2d)") && query.contains("top 3 by at") && !query.contains("=~"), "{query}");
}

#[test]
fn no_lines_are_not_a_failure() {
    let world = World::deployed();
    let run = world.run("logs.sh", &[]);
    run.succeeded();
    assert!(run.stdout.contains("Nothing in the last 1h."), "{run:#?}");
    world.fail_next("rest", 1, "Forbidden({\"error\":{\"code\":\"InsufficientAccessError\"}})");
    world.run("logs.sh", &[]).failed(1, &["failed while reading the log", "InsufficientAccessError"]);
    let world = World::new();
    world.run("logs.sh", &[]).failed(1, &["failed while looking for the Application Insights of the app"]);
}

#[test]
fn live_prints_each_line_once_as_it_arrives() {
    let world = world();
    let mut command = world.command("logs.sh");
    let printed = world.path("printed");
    command
        .arg("--settings")
        .arg(world.path("azure.env"))
        .arg("--live")
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&printed).unwrap());
    let mut child = command.spawn().unwrap();
    let lines = || {
        let text = std::fs::read_to_string(&printed).unwrap();
        text.lines().filter(|line| line.starts_with("2020")).map(str::to_owned).collect::<Vec<_>>()
    };
    let wait_for = |count: usize| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while lines().len() < count {
            assert!(Instant::now() < deadline, "expected {count} lines, found {:?}", lines());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for(3);
    // Again until it arrives: the stand-in may overwrite the change with the model that it read before.
    let late = "2020-09-23T11:44:41.689 [Information] Executed 'Functions.HttpTrigger1'";
    let deadline = Instant::now() + Duration::from_secs(60);
    while lines().len() < 4 {
        assert!(Instant::now() < deadline, "the late line did not arrive: {:?}", lines());
        world.change(|state| {
            state["log_rows"] = json!([LINES[0], LINES[1], LINES[2], ("2026-01-01T00:00:20Z", late)])
        });
        std::thread::sleep(Duration::from_millis(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(lines(), [LINES[0].1, LINES[1].1, LINES[2].1, late]);
}

#[test]
fn the_browser_is_opened_by_func() {
    let world = World::deployed();
    let run = world.run("logs.sh", &["--browser"]);
    run.succeeded();
    assert_eq!(run.calls, [["func", "azure", "functionapp", "logstream", "contoso-app", "--browser"]]);
    World::new().run("logs.sh", &["--browser"]).failed(1, &["Can't find app with name"]);
}
