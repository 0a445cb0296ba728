use crate::process;

#[test]
fn help_says_what_it_is_its_variables_and_its_exit_codes() {
    for option in ["--help", "-h"] {
        let ended = process::run(process::command(&[]).arg(option));
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        assert_eq!(ended.stdout, dps_custom_allocation::cli::HELP);
    }
    let help = dps_custom_allocation::cli::HELP;
    for named in [
        "handler check [FILE]",
        "handler explain [--rules FILE] [--with NAME=JSON]… REQUEST.json",
        "ALLOCATION_POLICY",
        "ALLOCATION_RULES",
        "ALLOCATION_LOOKUP_TIMEOUT",
        "ALLOCATION_LOG_BODY",
        "FUNCTIONS_CUSTOMHANDLER_PORT",
        "FUNCTIONS_APP_ROOT_PATH",
        "ALLOCATION_BODY_LIMIT",
        "RUST_LOG",
        "  0  ",
        "  1  ",
        "  64 ",
        "  200 ",
    ] {
        assert!(help.contains(named), "{named}");
    }
}

#[test]
fn version_says_name_and_version() {
    for option in ["--version", "-V"] {
        let ended = process::run(process::command(&[]).arg(option));
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        assert_eq!(ended.stdout, format!("handler {} (dps-custom-allocation)\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn an_unknown_argument_is_an_error_and_no_server() {
    for (arguments, unknown) in [
        (&["--prot"][..], "--prot"),
        (&["serve"], "serve"),
        (&[""], ""),
        (&["--help", "more"], "more"),
        (&["more", "--help"], "more"),
        (&["Check"], "Check"),
    ] {
        let ended = process::run(process::command(&[]).args(arguments));
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(64), ""), "{arguments:?}: {ended:?}");
        let expected =
            if arguments[0] == "--help" { "no more" } else { "none, check, explain, --help or --version" };
        let sentence = format!("Unknown argument {unknown:?}; expected {expected}.\n");
        assert!(ended.stderr.ends_with(&sentence), "{arguments:?}: {ended:?}");
    }
}
