//! Which policy decides: by its setting, by the app's rules file, or the tutorial's.

use serde_json::json;

use crate::app_folder::AppFolder;
#[cfg(feature = "rules")]
use crate::envelope::HEAT_PUMP;
use crate::envelope::{self, TOASTER};
use crate::process::{self, Handler, UNDER_HOST};

#[cfg(feature = "rules")]
const REFUSE_ALL: &str = "rules:\n  - refuse: By rule.\n";

fn start(folder: &AppFolder, variables: &[(&str, &str)]) -> Handler {
    let mut command = process::command(UNDER_HOST);
    Handler::spawn(command.current_dir(folder.path()).envs(variables.iter().copied()))
}

fn said(handler: Handler) -> String {
    handler.stop().stdout.lines().nth(2).unwrap().to_owned()
}

#[test]
fn the_tutorials_policy_decides_unless_another_is_chosen() {
    for variables in [&[][..], &[("ALLOCATION_POLICY", "")], &[("ALLOCATION_POLICY", " toasters ")]] {
        let handler = start(&AppFolder::with(&[]), variables);
        assert_eq!(envelope::call(handler.address, &envelope::of(TOASTER)).status, 200);
        assert_eq!(said(handler), "Policy: toasters");
    }
}

#[test]
fn a_policy_is_chosen_by_its_name() {
    let handler = start(&AppFolder::with(&[]), &[("ALLOCATION_POLICY", "divisions")]);
    let body = json!({
        "deviceRuntimeContext": { "registrationId": "mainbuilding167-contoso-hpsd-088" },
        "linkedHubs": ["contoso-toasters-hub-1", "contoso-heatpumps-hub-1"],
    });
    let reply = envelope::call(handler.address, &envelope::of(&body.to_string()));
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (
            200,
            r#"{"iotHubHostName":"contoso-heatpumps-hub-1","initialTwin":{"properties":{"desired":{"state":"on","temperatureSetting":"65"}},"tags":{"deviceType":"heatpump"}}}"#
        )
    );
    assert_eq!(said(handler), "Policy: divisions");
}

#[test]
fn an_unknown_name_ends_the_start_with_the_names_there_are() {
    let ended = process::run(process::command(UNDER_HOST).env("ALLOCATION_POLICY", "Toasters"));
    assert_eq!(ended.status.code(), Some(64), "{ended:?}");
    assert_eq!(
        ended.stderr,
        "Error: ALLOCATION_POLICY: expected one of divisions, rules, toasters; found \"Toasters\".\n"
    );
}

#[cfg(feature = "rules")]
#[test]
fn a_rules_file_in_the_app_selects_rules() {
    let folder =
        AppFolder::with(&[("allocation.yaml", REFUSE_ALL), ("other.yaml", "rules:\n  - refuse: Other.\n")]);
    for (variables, words, policy) in [
        (&[][..], "By rule.", "Policy: rules of allocation.yaml"),
        (&[("ALLOCATION_RULES", "other.yaml")], "Other.", "Policy: rules of other.yaml"),
        (&[("ALLOCATION_POLICY", "rules")], "By rule.", "Policy: rules of allocation.yaml"),
        (&[("ALLOCATION_POLICY", "toasters")], "Unrecognized device registration.", "Policy: toasters"),
    ] {
        let handler = start(&folder, variables);
        let reply = envelope::call(handler.address, &envelope::of(HEAT_PUMP));
        assert_eq!((reply.status, reply.body.as_str()), (400, words), "{variables:?}");
        assert_eq!(said(handler), policy);
    }
}

#[cfg(feature = "rules")]
#[test]
fn a_rules_file_with_mistakes_ends_the_start_with_all_of_them() {
    let folder = AppFolder::with(&[(
        "allocation.yaml",
        "rules:\n  - name: a\n    when: payload.x ==\n    hub: linkedHubs[0]\n  - name: b\n    hup: x\n",
    )]);
    let ended = process::run(process::command(UNDER_HOST).current_dir(folder.path()));
    assert_eq!(ended.status.code(), Some(64), "{ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines.len() >= 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("Error: allocation.yaml:")), "{lines:?}");
    assert!(lines[0].starts_with("Error: allocation.yaml:3:"), "{lines:?}");
    assert!(
        lines[1].starts_with("Error: allocation.yaml:5:")
            || lines[1].starts_with("Error: allocation.yaml:6:")
    );

    let missing = AppFolder::with(&[]);
    let ended = process::run(
        process::command(UNDER_HOST).current_dir(missing.path()).env("ALLOCATION_POLICY", "rules"),
    );
    assert_eq!(ended.status.code(), Some(64));
    assert_eq!(ended.stderr, "Error: Cannot read allocation.yaml: No such file or directory (os error 2).\n");
}
