//! derive-key.sh. The group keys are Microsoft's published examples:
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies> and
//! <https://learn.microsoft.com/azure/iot-dps/how-to-legacy-device-symm-key>.

use crate::world::World;

const TUTORIAL: &str =
    "oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==";
const LEGACY: &str =
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";

#[test]
fn the_published_vectors() {
    let world = World::new();
    for (group_key, id, device_key) in [
        (TUTORIAL, "breakroom499-contoso-tstrsd-007", "JC8F96eayuQwwz+PkE7IzjH2lIAjCUnAa61tDigBnSs="),
        (TUTORIAL, "mainbuilding167-contoso-hpsd-088", "6uejA9PfkQgmYylj8Zerp3kcbeVrGZ172YLa7VSnJzg="),
        (TUTORIAL, "contoso-toaster-007", "NXZgydIn9ntUpXfBsWFfaxJqAYVfgGQsshvA5GboGJI="),
        (TUTORIAL, "contoso-heatpump-088", "NI9dUEI2tga168Qi1U/HKuMmFHewrvaqI1MPTEU1A5w="),
        (LEGACY, "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="),
    ] {
        for ending in ["\n", "", "\r\n"] {
            let run = world.run_with(
                "derive-key.sh",
                &["--registration-id", id],
                &format!("{group_key}{ending}"),
                &[],
            );
            run.succeeded();
            assert_eq!(run.stdout, format!("{device_key}\n"), "{run:#?}");
            assert!(run.stderr.is_empty() && run.calls.is_empty(), "{run:#?}");
        }
    }
}

#[test]
fn an_invalid_group_key_is_refused_and_not_printed() {
    let world = World::new();
    for input in ["", "\n", "not base64!\n", "QUJD\n", "oiK77Oy7rBw8YB6IS6ukRChAw\n"] {
        let run = world.run_with("derive-key.sh", &["--registration-id", "contoso-toaster-007"], input, &[]);
        run.failed(1, &["the line on standard input is not a group key", "base64 of 16 to 64 bytes"]);
        assert!(run.stdout.is_empty(), "{run:#?}");
        assert!(input.trim().is_empty() || !run.stderr.contains(input.trim()), "{run:#?}");
    }
    world.run("derive-key.sh", &[]).failed(64, &["derive-key.sh: --registration-id ID is required\n"]);
}
