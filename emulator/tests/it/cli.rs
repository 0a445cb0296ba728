use crate::program::{emulator, run};

/// The tutorial's group key, published by Microsoft as an example.
const GROUP_KEY: &str =
    "oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==";

#[test]
fn derived_keys_are_those_that_the_documentation_prints() {
    let other = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
    for (group_key, id, device_key) in [
        (GROUP_KEY, "contoso-toaster-007", "NXZgydIn9ntUpXfBsWFfaxJqAYVfgGQsshvA5GboGJI="),
        (GROUP_KEY, "contoso-heatpump-088", "NI9dUEI2tga168Qi1U/HKuMmFHewrvaqI1MPTEU1A5w="),
        (GROUP_KEY, "breakroom499-contoso-tstrsd-007", "JC8F96eayuQwwz+PkE7IzjH2lIAjCUnAa61tDigBnSs="),
        (GROUP_KEY, "mainbuilding167-contoso-hpsd-088", "6uejA9PfkQgmYylj8Zerp3kcbeVrGZ172YLa7VSnJzg="),
        (other, "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="),
    ] {
        let given = run(&mut emulator(["derive-key", "--group-key", group_key, "--registration-id", id]), "");
        assert_eq!(
            (given.code, given.stdout.as_str(), given.stderr.as_str()),
            (0, &*format!("{device_key}\n"), ""),
            "{given}"
        );
    }
}

#[test]
fn a_group_key_comes_from_the_environment_or_standard_input_too() {
    let key = "NXZgydIn9ntUpXfBsWFfaxJqAYVfgGQsshvA5GboGJI=\n";
    let args = ["derive-key", "--registration-id", "contoso-toaster-007"];
    let from_env = run(emulator(args).env("DPS_GROUP_KEY", GROUP_KEY), "");
    assert_eq!((from_env.code, from_env.stdout.as_str()), (0, key), "{from_env}");

    let from_input = run(emulator(args).args(["--group-key", "-"]), &format!("{GROUP_KEY}\n"));
    assert_eq!((from_input.code, from_input.stdout.as_str()), (0, key), "{from_input}");
}

#[test]
fn a_typed_key_wins_over_those_in_the_environment() {
    // A device that gets as far as looking for its authorities has understood its key.
    let args = ["device", "--id-scope", "0ne0", "--registration-id", "a", "--ca", "no-such-file"];
    let understood = "dps-emulator: --ca: cannot read no-such-file: ";
    for (typed, set, code, expected) in [
        (vec!["--key", GROUP_KEY], vec![("DPS_DEVICE_KEY", "x"), ("DPS_GROUP_KEY", "x")], 1, understood),
        (vec!["--group-key", GROUP_KEY], vec![("DPS_DEVICE_KEY", "x")], 1, understood),
        (vec![], vec![("DPS_DEVICE_KEY", GROUP_KEY), ("DPS_GROUP_KEY", "x")], 1, understood),
        (vec![], vec![("DPS_DEVICE_KEY", ""), ("DPS_GROUP_KEY", GROUP_KEY)], 1, understood),
        (vec![], vec![("DPS_DEVICE_KEY", "x")], 2, "dps-emulator: DPS_DEVICE_KEY: expected a symmetric key "),
        (vec![], vec![("DPS_GROUP_KEY", "x")], 2, "dps-emulator: DPS_GROUP_KEY: expected a symmetric key "),
    ] {
        let ended = run(emulator(args).args(typed).envs(set), "");
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{ended}");
        assert!(ended.stderr.starts_with(expected), "expected: {expected}\n{ended}");
    }
}

#[test]
fn a_wrong_command_line_says_what_is_expected_and_exits_2() {
    let device = |args: &[&'static str]| {
        let mut all = vec!["device", "--id-scope", "0ne0", "--registration-id", "a"];
        all.extend(args);
        all
    };
    for (args, expected) in [
        (vec![], "Usage: dps-emulator <COMMAND>"),
        (vec!["no-such-command"], "unrecognized subcommand 'no-such-command'"),
        (vec!["derive-key", "--registration-id", "a"], "--group-key"),
        (
            vec!["derive-key", "--registration-id", "a b", "--group-key", "x"],
            "expected an id of 1 to 128 letters, digits",
        ),
        (
            vec!["derive-key", "--registration-id", "a", "--group-key", "c2hvcnQ="],
            "expected a symmetric key of 16 to 64 bytes, found 5 bytes",
        ),
        (
            device(&[]),
            "no key given: expected --key or --group-key, or DPS_DEVICE_KEY or DPS_GROUP_KEY in the environment",
        ),
        (device(&["--key", "x", "--group-key", "x"]), "cannot be used with"),
        (device(&["--key", "x"]), "expected a symmetric key in base64"),
        (device(&["--key", GROUP_KEY, "--host", "localhost:0"]), "with or without a port from 1 to 65535"),
        (
            device(&["--key", GROUP_KEY, "--payload", "{"]),
            "'--payload <JSON|@FILE>': expected JSON, or @FILE with a file that contains it",
        ),
        (
            device(&["--key", GROUP_KEY, "--payload", "@no-such-file"]),
            "JSON|@FILE>': cannot read no-such-file",
        ),
        // A file without end.
        (
            device(&["--key", GROUP_KEY, "--payload", "@/dev/zero"]),
            "JSON|@FILE>': cannot read /dev/zero: it has more than 1048576 bytes",
        ),
        (vec!["fleet", "--id-pattern", "toaster"], "expected a registration id with one {}"),
        (vec!["fleet", "--id-pattern", "a{}b{}"], "expected a registration id with one {}"),
        (device(&["--key", GROUP_KEY, "--transport", "amqp"]), "[possible values: mqtt, https]"),
        (device(&["--key", GROUP_KEY, "--timeout", "0"]), "0 is not in 1..=86400"),
    ] {
        let ended = run(&mut emulator(args), "");
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended}");
        assert!(ended.stderr.contains(expected), "expected: {expected}\n{ended}");
    }
}

#[test]
fn what_cannot_be_started_is_named_and_exits_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(folder.path().join("wrong.json"), "{\"idScope\": 7,\n \"linkedHubs\": []}").unwrap();
    let (missing, wrong) = (path("missing.json"), path("wrong.json"));
    for (args, expected) in [
        (["dps", "--config", &missing], vec![format!("{missing}: cannot be read: ")]),
        (
            ["dps", "--config", &wrong],
            vec![
                format!("{wrong}: line 1, column 13: idScope: "),
                format!("{wrong}: line 2, column 16: linkedHubs: "),
            ],
        ),
        (["host", "--app", &path("")], vec!["no host.json here; ".to_owned()]),
        (["up", "--app", &path("")], vec!["no host.json here; ".to_owned()]),
        (["fleet", "--app", &path("")], vec!["no host.json here; ".to_owned()]),
    ] {
        let ended = run(&mut emulator(args), "");
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended}");
        assert!(ended.stderr.starts_with("dps-emulator: "), "{ended}");
        for part in expected {
            assert!(ended.stderr.contains(&part), "expected: {part}\n{ended}");
        }
    }
}

#[test]
fn a_mistyped_key_is_never_repeated() {
    let secret = "n0t-base64-but-nearly-a-key!";
    for args in [
        vec!["derive-key", "--registration-id", "a", "--group-key", secret],
        vec!["device", "--id-scope", "0ne0", "--registration-id", "a", "--key", secret],
        vec!["device", "--id-scope", "0ne0", "--registration-id", "a", "--group-key", secret],
    ] {
        let ended = run(&mut emulator(args), "");
        assert_eq!(ended.code, 2, "{ended}");
        assert!(!ended.stderr.contains(secret), "{ended}");
    }
    let help = run(emulator(["device", "--help"]).env("DPS_DEVICE_KEY", secret), "");
    assert_eq!(help.code, 0, "{help}");
    assert!(!help.stdout.contains(secret), "{help}");
}

#[test]
fn the_help_for_ports_says_which_sdks_know_one_port_only() {
    for command in ["up", "dps"] {
        let help = run(&mut emulator([command, "--help"]), "");
        let text = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "The SDKs for C and Python connect to 8883 only; in those for .NET and Node it can be set",
            "The SDKs for C and Node connect to 443 only [default: 443, or 8443 if 443 is in use or needs privileges]",
        ] {
            assert!(text.contains(part), "missing: {part}\n{help}");
        }
    }
}

#[test]
fn every_command_explains_itself() {
    let all = run(&mut emulator(["--help"]), "");
    assert_eq!(all.code, 0, "{all}");
    for command in ["tutorial", "up", "device", "fleet", "derive-key", "host", "dps"] {
        assert!(all.stdout.contains(&format!("\n  {command} ")), "{command}\n{all}");
        let one = run(&mut emulator([command, "--help"]), "");
        assert_eq!(one.code, 0, "{one}");
        assert!(one.stdout.contains(&format!("Usage: dps-emulator {command} ")), "{one}");
    }
}
