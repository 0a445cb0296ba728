//! What is in the package, with which modes, and which apps are refused.

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;
use zip::ZipArchive;

/// The top of the repository, which is the app's folder.
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The project's own files with a small handler, and files beside them that must not be packed.
fn app() -> TempDir {
    let app = TempDir::new().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = app.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for own in ["host.json", "HttpTrigger1/function.json", "HttpTrigger1/sample.dat"] {
        write(own, &std::fs::read(Path::new(REPOSITORY).join(own)).unwrap());
    }
    write("handler", program(Linking::Static));
    for stray in [
        "HttpTrigger1/.DS_Store",
        "HttpTrigger1/function.json~",
        "HttpTrigger1/notes.md",
        "src/webhook/function.json",
        "handler.exe",
        "local.settings.json",
        "target/x",
        ".git/config",
        "azure.env",
    ] {
        write(stray, b"must not be shipped");
    }
    app
}

#[derive(Clone, Copy)]
enum Linking {
    Static,
    Dynamic,
}

/// A small program, linked by the same toolchain and with the same flag as in `scripts/build.sh`.
fn program(linking: Linking) -> &'static [u8] {
    static STATIC: OnceLock<Vec<u8>> = OnceLock::new();
    static DYNAMIC: OnceLock<Vec<u8>> = OnceLock::new();
    let (cell, feature) = match linking {
        Linking::Static => (&STATIC, "+crt-static"),
        Linking::Dynamic => (&DYNAMIC, "-crt-static"),
    };
    cell.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let (source, binary) = (folder.path().join("main.rs"), folder.path().join("program"));
        std::fs::write(&source, "fn main() {}").unwrap();
        let output = Command::new("rustc")
            .args(["--edition=2024", "--target=x86_64-unknown-linux-gnu"])
            .arg(format!("-Ctarget-feature={feature}"))
            .arg("-o")
            .args([&binary, &source])
            .output()
            .unwrap();
        assert!(output.status.success(), "rustc: {output:?}");
        std::fs::read(binary).unwrap()
    })
}

fn pack(app: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_app-package")).arg(app).arg(app.join("dist/app.zip")).output().unwrap()
}

/// Packs the app and gives the name and mode of each entry, whose bytes must be those of the file.
#[track_caller]
fn entries(app: &TempDir) -> Vec<(String, u32)> {
    let output = pack(app.path());
    assert!(output.status.success(), "{output:?}");
    let bytes = std::fs::read(app.path().join("dist/app.zip")).unwrap();
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut entries = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content, std::fs::read(app.path().join(entry.name())).unwrap(), "{}", entry.name());
        entries.push((entry.name().to_owned(), entry.unix_mode().unwrap() & 0o7777));
    }
    entries
}

#[track_caller]
fn refused(app: &TempDir, with: &str) {
    let output = pack(app.path());
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        said.contains(with) && said.lines().count() == 1,
        "expected one line with {with:?}, found {said:?}"
    );
    assert!(!app.path().join("dist/app.zip").exists(), "a refused app leaves no package");
}

#[test]
fn the_rules_file_is_packed_with_every_file_that_it_names() {
    let app = app();
    let write = |name: &str, text: &str| {
        let path = app.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let rules = |file: &str| {
        format!(
            "lookups:\n  device: {{ file: {file}, key: id }}\n  site: {{ file: ./data/sites.json, key: id }}\n  \
             other: {{ http: \"https://contoso.com/${{registrationId}}\" }}\nrules:\n  - hub: linkedHubs[0]\n"
        )
    };
    write("allocation.yaml", &rules("devices.csv"));
    write("devices.csv", "id\na\n");
    write("data/sites.json", "[]");
    write("data/stray.json", "[]");
    write("stray.csv", "id\n");
    let names: Vec<String> = entries(&app).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names,
        [
            "HttpTrigger1/function.json",
            "HttpTrigger1/sample.dat",
            "allocation.yaml",
            "data/sites.json",
            "devices.csv",
            "handler",
            "host.json"
        ]
    );
    std::fs::remove_dir_all(app.path().join("dist")).unwrap();
    write("allocation.yaml", &rules("../devices.csv"));
    refused(
        &app,
        "allocation.yaml: the look-up device expects a file in the app's folder, found \"../devices.csv\"",
    );
    write("allocation.yaml", &rules("missing.csv"));
    let missing = app.path().join("missing.csv");
    refused(&app, &format!("cannot read {}: No such file or directory (os error 2)", missing.display()));
}

#[test]
fn the_package_holds_the_apps_four_files_and_nothing_else() {
    assert_eq!(
        entries(&app()),
        [
            ("HttpTrigger1/function.json", 0o644),
            ("HttpTrigger1/sample.dat", 0o644),
            ("handler", 0o755),
            ("host.json", 0o644),
        ]
        .map(|(name, mode)| (name.to_owned(), mode))
    );
}

#[test]
fn every_function_is_packed_with_its_sample_if_it_has_one() {
    let app = app();
    std::fs::rename(app.path().join("HttpTrigger1"), app.path().join("Allocate")).unwrap();
    std::fs::create_dir(app.path().join("zoned_2")).unwrap();
    std::fs::write(app.path().join("zoned_2/function.json"), "{}").unwrap();
    let names: Vec<_> = entries(&app).into_iter().map(|(name, _)| name).collect();
    let expected =
        ["Allocate/function.json", "Allocate/sample.dat", "handler", "host.json", "zoned_2/function.json"];
    assert_eq!(names, expected);
}

#[test]
fn the_functions_may_be_routes_in_host_json() {
    let app = app();
    std::fs::remove_dir_all(app.path().join("HttpTrigger1")).unwrap();
    refused(&app, "expected at least one folder with a function.json, found none");
    let path = app.path().join("host.json");
    let mut host: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    host["customHandler"]["http"]["routes"] = serde_json::json!([{"route": "allocate"}]);
    std::fs::write(&path, host.to_string()).unwrap();
    let names: Vec<_> = entries(&app).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["handler", "host.json"]);
}

#[test]
fn a_name_that_the_host_would_not_load_is_refused() {
    for name in ["1st", "two words", "caf\u{e9}", ".hidden", &"a".repeat(129)] {
        let app = app();
        std::fs::rename(app.path().join("HttpTrigger1"), app.path().join(name)).unwrap();
        refused(&app, &format!("digits, - and _, found {name:?}"));
    }
}

#[test]
fn the_same_files_give_the_same_bytes_whatever_their_times_and_modes() {
    let (one, other) = (app(), app());
    let handler = other.path().join("handler");
    let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    std::fs::File::options().append(true).open(&handler).unwrap().set_modified(past).unwrap();
    let mut permissions = std::fs::metadata(&handler).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o700);
    std::fs::set_permissions(&handler, permissions).unwrap();

    let sums: Vec<String> = [&one, &other]
        .map(|app| {
            let output = pack(app.path());
            assert!(output.status.success(), "{output:?}");
            let printed = String::from_utf8(output.stdout).unwrap();
            printed.split_whitespace().next().unwrap().to_owned()
        })
        .into();
    assert_eq!(sums[0].len(), 64);
    assert_eq!(sums[0], sums[1]);
    let read = |app: &TempDir| std::fs::read(app.path().join("dist/app.zip")).unwrap();
    assert_eq!(read(&one), read(&other));
}

#[test]
fn a_handler_that_azure_could_not_start_is_refused() {
    let path = |app: &TempDir| app.path().join("handler");

    let app = app();
    std::fs::remove_file(path(&app)).unwrap();
    refused(&app, "handler: No such file or directory (os error 2) (scripts/build.sh builds it)");
    std::fs::write(path(&app), "#!/bin/sh\n").unwrap();
    refused(&app, "found a file that is not a 64-bit ELF program");
    std::fs::write(path(&app), program(Linking::Dynamic)).unwrap();
    refused(&app, "found a program that needs a dynamic loader");

    // The machine is bytes 18 and 19 of the header; 183 is 64-bit ARM.
    let mut foreign = program(Linking::Static).to_vec();
    foreign[18] = 183;
    std::fs::write(path(&app), &foreign).unwrap();
    refused(&app, "found a program for another processor");
    std::fs::write(path(&app), &program(Linking::Static)[..100]).unwrap();
    refused(&app, "found invalid program headers");
}

#[test]
fn an_app_whose_host_json_names_another_executable_is_refused() {
    let app = app();
    let own = std::fs::read_to_string(app.path().join("host.json")).unwrap();
    for (host, with) in [
        (own.replace("\"handler\"", "\"./handler\""), "expected \"handler\", found \"./handler\""),
        (own.replace("\"handler\"", "\"handler.exe\""), "expected \"handler\", found \"handler.exe\""),
        ("{}".to_owned(), "expected \"handler\", found null"),
        ("{".to_owned(), "host.json: invalid JSON: EOF"),
    ] {
        std::fs::write(app.path().join("host.json"), host).unwrap();
        refused(&app, with);
    }
}

#[test]
fn an_app_without_a_host_json_is_refused() {
    let app = app();
    std::fs::remove_file(app.path().join("host.json")).unwrap();
    refused(&app, "host.json: No such file or directory");
}
