//! Which devices are accepted, and what the log says of those that are not.

use proptest::prelude::*;
use provisioning_service::{ServiceOptions, registration_id};
use serde_json::json;

use super::rig::{
    GROUP_KEY, KEY_A, KEY_B, Rig, SCOPE, TOASTER_KEY, attestation, config, derive, eager, group, individual,
    later, parsed, signature, token,
};

const ID: &str = "contoso-toaster-007";

fn rig() -> Rig {
    let keys =
        json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": GROUP_KEY, "secondaryKey": KEY_B}});
    let groups = [
        json!({"enrollmentGroupId": "other", "attestation": attestation(KEY_A)}),
        group(json!({"attestation": keys})),
    ];
    Rig::with(&config(&groups, &[individual("Single-1", KEY_A, json!({}))]), eager())
}

#[tokio::test]
async fn tokens_of_every_sdk_are_accepted() {
    let rig = rig();
    let se = later();
    let lower = format!("{SCOPE}%2fregistrations%2f{ID}");
    let upper = format!("{SCOPE}%2Fregistrations%2F{ID}");
    let plain = format!("{SCOPE}/registrations/{ID}");
    let sas = |rest: String| format!("SharedAccessSignature {rest}");
    let sign = |sr: &str| signature(sr, &se, TOASTER_KEY);
    let table = [
        ("C", token(&lower, &se, TOASTER_KEY)),
        ("Python", sas(format!("sr={upper}&sig={}&se={se}", sign(&upper)))),
        ("Node", sas(format!("sr={plain}&sig={}&skn=registration&se={se}", sign(&plain)))),
        (".NET", token(&upper, &se, TOASTER_KEY)),
        ("Java", sas(format!("sr={plain}&sig={}&se={se}&skn=", sign(&plain)))),
        ("scheme and blanks", format!(" sharedaccesssignature  se={se}&sig={}&sr={lower} ", sign(&lower))),
        ("secondary key", token(&lower, &se, &derive(KEY_B, ID))),
        ("fields not known", sas(format!("sv=1&sr={plain}&sig={}&x&se={se}", sign(&plain)))),
    ];
    for (name, sas) in table {
        let device = rig.service.authenticate(SCOPE, ID, Some(&sas));
        let device = device.unwrap_or_else(|_| panic!("{name}: {:#?}", rig.log()));
        assert_eq!(device.registration_id, ID, "{name}");
        rig.service.register(&device, b"");
    }
    rig.assert_logged(&format!("Information {ID}: matches the enrollment group contoso, by its primary key"));
    rig.assert_logged(&format!(
        "Information {ID}: matches the enrollment group contoso, by its secondary key"
    ));
}

#[tokio::test]
async fn the_case_of_scope_and_registration_id_does_not_matter() {
    let rig = rig();
    let se = later();
    // The key derived from the id as typed, and from its lower-case form.
    for key in [derive(GROUP_KEY, "DEV-1"), derive(GROUP_KEY, "dev-1")] {
        let sas = token("0NE00abcdef/Registrations/dev-1", &se, &key);
        let device = rig.service.authenticate("0ne00abcdef", "DEV-1", Some(&sas)).unwrap();
        assert_eq!(device.registration_id, "DEV-1");
    }
    let sas = token(&format!("{SCOPE}/registrations/single-1"), &se, KEY_A);
    let device = rig.service.authenticate(SCOPE, "single-1", Some(&sas)).unwrap();
    rig.service.register(&device, b"");
    rig.assert_logged("Information single-1: matches the individual enrollment Single-1, by its primary key");
}

#[test]
fn refusals_are_401002_and_their_reason_is_in_the_log() {
    let rig = rig();
    let se = later();
    let sr = format!("{SCOPE}/registrations/{ID}");
    let good = token(&sr, &se, TOASTER_KEY);
    let sig = signature(&sr, &se, TOASTER_KEY);
    let no_group_key = "no individual enrollment has this registration id, and its SAS token is not signed with the key \
         that any of the enrollment groups other, contoso derives for it: is the group key or the registration id wrong?";
    let malformed = |what: &str| format!("the SAS token is malformed: {what}");
    let resource = |part: &str, found: &str, expected: &str| {
        format!(
            "the SAS token is for another resource: expected the {part} “{expected}” in its sr, found “{found}”"
        )
    };
    let table = [
        (SCOPE, ID, Some(token(&sr, &se, &derive(KEY_B, "another"))), no_group_key.to_owned()),
        (
            SCOPE,
            ID,
            Some(token(&sr, &se, GROUP_KEY)),
            "the sig (signature) of the SAS token was made with the key of the enrollment group \
             contoso; expected the key derived from it for the device"
                .to_owned(),
        ),
        (SCOPE, ID, Some(good.replace(SCOPE, "0NE00ABCDEF")), no_group_key.to_owned()),
        (SCOPE, ID, Some(good.replace(&se, "99999999999")), no_group_key.to_owned()),
        (SCOPE, ID, Some(good.replace(&sig, "")), no_group_key.to_owned()),
        (
            SCOPE,
            "single-1",
            Some(token(&format!("{SCOPE}/registrations/single-1"), &se, &derive(GROUP_KEY, "single-1"))),
            "the sig (signature) of the SAS token matches neither key of its individual enrollment"
                .to_owned(),
        ),
        (
            SCOPE,
            "contoso-heatpump-088",
            Some(good.clone()),
            resource("registration id", ID, "contoso-heatpump-088"),
        ),
        (
            SCOPE,
            ID,
            Some(token(&format!("0ne00FFFFFF/registrations/{ID}"), &se, TOASTER_KEY)),
            resource("id scope", "0ne00FFFFFF", SCOPE),
        ),
        (SCOPE, ID, Some(token(SCOPE, &se, TOASTER_KEY)), resource("second segment", "", "registrations")),
        (
            SCOPE,
            ID,
            Some(token(&format!("{sr}/more"), &se, TOASTER_KEY)),
            resource("registration id", &format!("{ID}/more"), ID),
        ),
        (
            "0ne00FFFFFF",
            ID,
            Some(good.clone()),
            format!("expected the id scope “{SCOPE}”, found “0ne00FFFFFF”"),
        ),
        (SCOPE, ID, Some(String::new()), malformed("it does not begin with \"SharedAccessSignature \"")),
        (
            SCOPE,
            ID,
            Some("HostName=x".to_owned()),
            malformed("it does not begin with \"SharedAccessSignature \""),
        ),
        (SCOPE, ID, Some(good.replace("sr=", "s=")), malformed("the field sr (resource) is missing")),
        (SCOPE, ID, Some(good.replace("sig=", "s=")), malformed("the field sig (signature) is missing")),
        (SCOPE, ID, Some(good.replace("se=", "s=")), malformed("the field se (expiry) is missing")),
        (
            SCOPE,
            ID,
            Some(format!("{good}&se=1")),
            malformed("one of the fields sr, sig and se appears twice"),
        ),
        (
            SCOPE,
            ID,
            Some(token(&sr, "soon", TOASTER_KEY)),
            malformed("se (expiry) is not a whole number of seconds since 1970"),
        ),
        (
            SCOPE,
            ID,
            Some(good.replace(&sig, "!")),
            malformed("sig (signature) is not base64 when percent-decoded"),
        ),
        (
            SCOPE,
            ID,
            Some(good.replace("sr=", "sr=%ff")),
            malformed("sr (resource) is not UTF-8 when percent-decoded"),
        ),
    ];
    for (scope, id, sas, reason) in table {
        let answer = rig.service.authenticate(scope, id, sas.as_deref()).unwrap_err();
        let body = parsed(&answer);
        assert_eq!((answer.status, answer.retry_after), (401, None));
        assert_eq!(body["errorCode"], 401_002);
        assert_eq!(body["message"], "Unauthorized");
        assert_eq!(body["trackingId"], answer.request_id.to_string());
        assert!(is_timestamp(body["timestampUtc"].as_str().unwrap()), "{body}");
        assert_eq!(body.as_object().unwrap().len(), 4, "{body}");
        assert_eq!(rig.log().last().unwrap(), &format!("Warning {id}: refused: {reason}"), "{sas:?}");
    }
    let log = rig.log().join("\n");
    for secret in [&*sig, GROUP_KEY, KEY_A, KEY_B, TOASTER_KEY] {
        assert!(!log.contains(secret), "the log tells {secret}: {log}");
    }
}

#[test]
fn a_device_without_a_token_is_told_that_x509_and_tpm_are_not_supported() {
    let rig = rig();
    let expected = "no SAS token: X.509 and TPM attestation are not supported yet; expected a SAS token, of a symmetric key";
    let body = parsed(&rig.service.authenticate(SCOPE, ID, None).unwrap_err());
    assert_eq!((&body["errorCode"], &body["message"]), (&json!(401_002), &json!(expected)));
    rig.assert_logged(&format!("Warning {ID}: refused: {expected}"));
}

/// The tutorial prints the keys of its later edition's devices:
/// <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies>.
#[tokio::test]
async fn a_key_of_another_device_is_named_as_that_device_s() {
    let rig = rig();
    let se = later();
    rig.register("sn-1", "").await;
    let toaster = "breakroom499-contoso-tstrsd-007";
    let heat_pump = "mainbuilding167-contoso-hpsd-088";
    for (id, key, owner) in [
        (ID, "JC8F96eayuQwwz+PkE7IzjH2lIAjCUnAa61tDigBnSs=", toaster),
        ("contoso-heatpump-088", "6uejA9PfkQgmYylj8Zerp3kcbeVrGZ172YLa7VSnJzg=", heat_pump),
        ("contoso-heatpump-088", TOASTER_KEY, ID),
        ("sn-2", &derive(GROUP_KEY, "sn-1"), "sn-1"),
    ] {
        let sas = token(&format!("{SCOPE}/registrations/{id}"), &se, key);
        assert!(rig.service.authenticate(SCOPE, id, Some(&sas)).is_err());
        rig.assert_logged(&format!(
            "Warning {id}: refused: the sig (signature) of the SAS token was made with the key that the enrollment group \
             contoso has for {owner}; expected the key of this device"
        ));
    }
}

#[tokio::test]
async fn a_poll_does_not_log_that_the_enrollment_matches() {
    let rig = rig();
    rig.register(ID, "").await;
    let device = rig.device(ID);
    for _ in 0..3 {
        rig.service.operation_status(&device, "4.x.y");
    }
    let matches = rig.log().iter().filter(|entry| entry.contains(": matches the ")).count();
    assert_eq!(matches, 1, "{:#?}", rig.log());
}

#[test]
fn an_expired_token_is_refused() {
    let rig = rig();
    let sr = format!("{SCOPE}/registrations/{ID}");
    for se in ["0", "1600880758"] {
        assert!(rig.service.authenticate(SCOPE, ID, Some(&token(&sr, se, TOASTER_KEY))).is_err());
        let log = rig.log();
        let entry = log.last().unwrap();
        let reason = format!("Warning {ID}: refused: the SAS token expired ");
        assert!(entry.starts_with(&reason) && entry.ends_with(" s ago"), "{entry}");
    }
}

#[test]
fn registration_ids_follow_the_documented_rule() {
    for good in ["a", "sn-007-888-abc", "A.b_c:d-", "0", &"x".repeat(128)] {
        assert!(registration_id::is_id(good), "{good}");
    }
    for bad in ["", "a.", "a_", "a:", "a b", "a/b", "é", "a\n", &"x".repeat(129)] {
        assert!(!registration_id::is_id(bad), "{bad}");
    }
}

#[test]
fn invalid_registration_ids_are_quoted_unless_they_are_tokens() {
    let rig = rig();
    let sr = format!("{SCOPE}/registrations/{ID}");
    let good = token(&sr, &later(), TOASTER_KEY);
    for (id, shown) in [("a/b", "“a/b”"), ("", "(no registration id)"), (&good, "(a SAS token)")] {
        let answer = rig.service.authenticate(SCOPE, id, Some(&good)).unwrap_err();
        assert_eq!((answer.status, &parsed(&answer)["errorCode"]), (401, &json!(401_002)));
        rig.assert_logged(&format!(
            "Warning {shown}: refused: invalid registration id: expected an id of 1 to 128 letters, digits, '-', '.', '_' \
             and ':', the last of them a letter, a digit or '-'"
        ));
    }
    // A token where something else belongs: the scope, the sr, the operation.
    assert!(rig.service.authenticate(&good, ID, Some(&good)).is_err());
    let escaped = token(&good.replace('&', "%26"), &later(), TOASTER_KEY);
    assert!(rig.service.authenticate(SCOPE, ID, Some(&escaped)).is_err());
    let device = rig.service.authenticate(SCOPE, ID, Some(&good)).unwrap();
    assert_eq!(rig.service.operation_status(&device, &good).status, 404);
    let log = rig.log().join("\n");
    assert!(!log.contains("sig=") && log.matches("(a SAS token)").count() == 4, "{log}");
}

#[test]
fn what_a_client_sends_stays_on_one_line_of_the_log() {
    let rig = rig();
    assert!(rig.service.authenticate(SCOPE, "x\n2020 [Error] \u{1b}[31m", None).is_err());
    assert!(rig.service.authenticate(SCOPE, "", None).is_err());
    assert!(rig.service.authenticate(SCOPE, &"x".repeat(100_000), None).is_err());
    assert!(rig.service.authenticate(&"\n".repeat(100_000), ID, None).is_err());
    for entry in rig.log() {
        assert!(!entry.contains('\n') && !entry.contains('\u{1b}') && entry.len() < 4_000, "{entry:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_token_but_the_right_one_is_accepted(
        scope in ".{0,20}", id in ".{0,20}", sas in "(SharedAccessSignature )?([a-z]{0,3}=?[%/0-9A-Za-z=]{0,20}&?){0,5}.{0,20}",
    ) {
        // This needs neither a runtime nor a clock.
        let rig = Rig::with(&config(&[group(json!({}))], &[]), ServiceOptions::default());
        prop_assert!(rig.service.authenticate(&scope, &id, Some(&sas)).is_err());
        prop_assert!(rig.service.authenticate(SCOPE, ID, Some(&sas)).is_err());
    }

    #[test]
    fn a_token_with_one_character_changed_is_refused(at in 0..200_usize, to in "[ -~]") {
        let rig = Rig::with(&config(&[group(json!({}))], &[]), ServiceOptions::default());
        let mut good = token(&format!("{SCOPE}/registrations/{ID}"), &later(), TOASTER_KEY);
        good.truncate(good.rfind("&skn").unwrap());
        let at = at % good.len();
        let mut changed = good.clone();
        changed.replace_range(at..=at, &to);
        // The scheme and percent escapes mean the same in either case.
        prop_assume!(!changed.eq_ignore_ascii_case(&good));
        prop_assert!(rig.service.authenticate(SCOPE, ID, Some(&good)).is_ok());
        prop_assert!(rig.service.authenticate(SCOPE, ID, Some(&changed)).is_err(), "{}", changed);
    }
}

fn is_timestamp(text: &str) -> bool {
    text.len() == 28 && text.ends_with('Z') && text.as_bytes()[19] == b'.' && text.as_bytes()[10] == b'T'
}
