//! Rules in the process: `handler check`, `handler explain`, and look-ups as the function asks them.

use std::process::Command;

use serde_json::json;

use crate::app_folder::AppFolder;
use crate::envelope::{self, HEAT_PUMP, HOST_HEADERS, PROCESSED, Reply, TOASTER};
use crate::http;
use crate::process::{self, Ended, Handler, UNDER_HOST};
use crate::rules::EXAMPLE;

/// What its look-up reads.
const DEVICES: &str =
    "registrationId,status,site\ncontoso-toaster-007,active,Munich\ncontoso-heatpump-088,retired,Bonn\n";

fn example() -> AppFolder {
    AppFolder::with(&[
        ("allocation.yaml", EXAMPLE),
        ("devices.csv", DEVICES),
        ("toaster.json", TOASTER),
        ("heatpump.json", HEAT_PUMP),
    ])
}

fn run(folder: &AppFolder, arguments: &[&str]) -> Ended {
    let mut command: Command = process::command(&[]);
    process::run(command.current_dir(folder.path()).args(arguments))
}

#[test]
fn look_ups_of_a_file_decide_and_are_told_in_a_line() {
    let folder = example();
    let mut command = process::command(UNDER_HOST);
    let handler = Handler::spawn(command.current_dir(folder.path()));
    let reply = envelope::call(handler.address, &envelope::of(TOASTER));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.log[3], "Look-up device (devices.csv by registrationId): found");
    let reply = envelope::call(handler.address, &envelope::of(HEAT_PUMP));
    assert_eq!((reply.status, reply.body.as_str()), (400, "The device is retired."));
    let unknown = TOASTER.replace("contoso-toaster-007", "contoso-toaster-008");
    let reply = envelope::call(handler.address, &envelope::of(&unknown));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.log[3], "Look-up device (devices.csv by registrationId): nothing found");
    // Without a registration id nothing is asked.
    let reply = envelope::call(handler.address, &envelope::of("{}"));
    assert_eq!(
        reply.log,
        [
            PROCESSED,
            "Request.Body:...",
            "{}",
            "Registration ID : NULL",
            "\nResponse",
            "Registration ID not provided for the device."
        ]
    );
}

#[test]
fn an_input_binding_is_looked_up_in_the_envelope_alone() {
    let function = r#"{"bindings":[{"type":"httpTrigger","direction":"in","name":"req"},
        {"type":"table","direction":"in","name":"row","tableName":"devices"},
        {"type":"http","direction":"out","name":"res"}]}"#;
    let rules = "lookups:\n  device: { input: row }\nrules:\n  - when: device != null && device.Hub != \"\"\n    hub: device.Hub\n  - refuse: Unknown.\n";
    let folder = AppFolder::with(&[("Allocate/function.json", function), ("allocation.yaml", rules)]);
    let mut command = process::command(UNDER_HOST);
    let handler = Handler::spawn(command.current_dir(folder.path()));
    let call = |row: serde_json::Value| {
        let mut envelope = envelope::of(TOASTER);
        envelope["Data"]["row"] = row;
        Reply::of(&http::post(handler.address, "/Allocate", HOST_HEADERS, envelope.to_string()))
    };
    // A row of a table, a blob's doubly encoded text, and what stands for none.
    let hub = "contoso-toasters-hub-1098.azure-devices.net";
    for row in
        [json!({ "Hub": hub, "Count": 3 }), json!(json!(json!({ "Hub": hub }).to_string()).to_string())]
    {
        let reply = call(row.clone());
        assert_eq!(reply.status, 200, "{row}: {reply:?}");
        assert_eq!(reply.log[3], "Look-up device (input binding row): found");
    }
    for none in [json!("null"), json!(null)] {
        let reply = call(none.clone());
        assert_eq!((reply.status, reply.body.as_str()), (400, "Unknown."), "{none}");
    }
    let raw = http::post(handler.address, "/api/Allocate", &[], TOASTER);
    assert_eq!(raw.status, 503, "outside the envelope it is «ask again», never «nothing found»: {raw:?}");
    assert!(raw.body.starts_with("Look-up device: input bindings only come in"), "{raw:?}");
    let ended = run(&AppFolder::with(&[("allocation.yaml", rules)]), &["check"]);
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(ended.stdout, "allocation.yaml:2:20: no function.json has an input binding named \"row\"\n");
}

#[test]
fn check_says_what_is_right_and_which_files_the_app_ships() {
    let folder = example();
    let ended = run(&folder, &["check"]);
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert_eq!(ended.stdout, "allocation.yaml: no mistakes.\nThe app ships: allocation.yaml, devices.csv\n");
    // From any folder.
    let path = folder.path().join("allocation.yaml");
    let elsewhere = AppFolder::with(&[]);
    let ended = run(&elsewhere, &["check", path.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("devices.csv"), "{ended:?}");
}

#[test]
fn check_tells_every_mistake_at_its_line_and_column() {
    let folder = AppFolder::with(&[
        (
            "allocation.yaml",
            "lookups:\n  device: { file: devices.csv, key: id }\n  other: { file: none.csv, key: id }\nrules:\n  - hub: linkedHubs[0]\n",
        ),
        ("devices.csv", "id,a\nx,1\nx,2\n"),
    ]);
    let ended = run(&folder, &["check"]);
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(1), ""), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("allocation.yaml:2:19: devices.csv: line 3: "), "{lines:?}");
    assert!(lines[1].starts_with("allocation.yaml:3:18: none.csv: "), "{lines:?}");
    for arguments in [&["check", "a", "b"][..], &["check", "--fast"], &["check", "missing.yaml"]] {
        let ended = run(&folder, arguments);
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(64), ""), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn explain_tells_why() {
    let folder = example();
    let ended = run(&folder, &["explain", "toaster.json"]);
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    for part in [
        "Policy: rules of allocation.yaml\n",
        "Rule \"retired\" does not hold\n",
        "device.status == \"retired\" = false\n",
        "Rule \"toasters\" holds\n",
        "\nLook-up device (devices.csv by registrationId): found\n",
        "\n{\"iotHubHostName\":\"contoso-toasters-hub-1098.azure-devices.net\"}\n",
        "\n200 application/json; charset=utf-8\n",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} is not in {}", ended.stdout);
    }
    let ended = run(&folder, &["explain", "--with", r#"device={"status":"retired"}"#, "toaster.json"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stdout.ends_with("The device is retired.\n\n400 text/plain; charset=utf-8\n"), "{ended:?}");
    let ended =
        run(&folder, &["explain", "--with=device=null", "--rules", "allocation.yaml", "heatpump.json"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stdout.contains("Look-up device (given): nothing found\n"), "{ended:?}");
}

#[test]
fn explain_refuses_a_wrong_command_line_file_or_rules() {
    let folder = example();
    for (arguments, words) in [
        (&["explain"][..], "explain expects a file with the request, or - for standard input."),
        (&["explain", "a", "b"], "Unknown argument \"b\"; expected one file with the request."),
        (&["explain", "missing.json"], "Cannot read missing.json: No such file or directory (os error 2)."),
        (&["explain", "--with", "x", "toaster.json"], "--with expects NAME=JSON"),
        (&["explain", "--with", "device=[]", "toaster.json"], "--with expects NAME=JSON"),
        (
            &["explain", "--with", "other={}", "toaster.json"],
            "There is no look-up \"other\"; expected device.",
        ),
        (&["explain", "--rules", "devices.csv", "toaster.json"], "devices.csv:"),
        (&["explain", "--fast", "toaster.json"], "Unknown argument \"--fast\"; expected --rules FILE"),
    ] {
        let ended = run(&folder, arguments);
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(64), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(words), "{arguments:?}: {ended:?}");
    }
}

/// The tutorial's policy has no rules to explain; its log and its answer are.
#[test]
fn explain_knows_policies_without_rules() {
    let folder = AppFolder::with(&[("toaster.json", TOASTER)]);
    let ended = run(&folder, &["explain", "toaster.json"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("Policy: toasters\n\n{PROCESSED}\n")), "{ended:?}");
}

#[test]
fn a_certificate_decides_and_a_broken_one_is_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let mut params = rcgen::CertificateParams::new(["device.contoso.example".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "contoso-toaster-007");
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "Contoso");
    let key = rcgen::KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    let rules = "rules:\n  - name: Contoso's\n    \
                 when: certificate != null && certificate.subject.O == \"Contoso\" && certificate.notAfter > now\n    \
                 hub: spread(linkedHubs)\n    \
                 note: \"${certificate.subject.CN} ${certificate.dnsNames[0]}\"\n";
    let folder = AppFolder::with(&[("allocation.yaml", rules)]);
    let mut command = process::command(UNDER_HOST);
    let handler = Handler::spawn(command.current_dir(folder.path()));
    let call = |certificate: &str| {
        let mut body: serde_json::Value = serde_json::from_str(TOASTER).unwrap();
        body["deviceRuntimeContext"]["x509"] = json!({ "clientCertificate": certificate });
        envelope::call(handler.address, &envelope::of(&body.to_string()))
    };
    let reply = call(&STANDARD.encode(&der));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.log[4], "contoso-toaster-007 device.contoso.example");
    for broken in [STANDARD.encode(&der[..der.len() - 1]), "no base64!".to_owned(), String::new()] {
        let reply = call(&broken);
        assert_eq!(reply.status, 400, "{broken}: {reply:?}");
        assert!(reply.body.starts_with("The device's certificate cannot be read: "), "{broken}: {reply:?}");
    }
}

/// Of what was not built in, the start says so and names the feature.
#[cfg(not(feature = "sql"))]
#[test]
fn a_look_up_that_was_not_built_in_is_a_mistake() {
    let rules = "lookups:\n  device: { sql: \"select 1\", parameters: [], url: DEVICES_URL }\nrules:\n  - hub: linkedHubs[0]\n";
    let ended = run(&AppFolder::with(&[("allocation.yaml", rules)]), &["check"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "allocation.yaml:2:3: this handler was built without the cargo feature `sql`\n");
}
