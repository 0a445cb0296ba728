use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dps_custom_allocation::certificate::Certificate;
use dps_custom_allocation::webhook::AllocationRequest;
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SerialNumber};
use serde_json::{Map, Value, json};

const PEM: &str = include_str!("../fixtures/certificates/contoso-toaster-007.pem");

/// What the policy gets for this `deviceRuntimeContext.x509` and this enrollment.
fn read(x509: &Value, enrollment: &Value) -> Result<Option<Certificate>, String> {
    let mut body = json!({ "deviceRuntimeContext": { "registrationId": "r", "x509": x509 } });
    for (name, value) in enrollment.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let body = body.to_string();
    let request = AllocationRequest::parse(&body).unwrap();
    Certificate::of(&request).map_err(|refusal| {
        assert!(!refusal.asks_again(), "{refusal}");
        refusal.to_string()
    })
}

fn shown(text: &str) -> Result<Option<Certificate>, String> {
    read(&json!({ "clientCertificate": text }), &json!({}))
}

/// The base64 between the lines of PEM.
fn base64_of(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

fn der() -> Vec<u8> {
    BASE64_STANDARD.decode(base64_of(PEM)).unwrap()
}

/// A certificate of the test's own making, as DPS sends it.
fn made(change: impl FnOnce(&mut CertificateParams)) -> Certificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    shown(&BASE64_STANDARD.encode(certificate.der())).unwrap().unwrap()
}

/// As `openssl x509 -subject -serial -dates -fingerprint` prints them.
#[test]
fn a_certificate_says_what_openssl_says() {
    let subject = json!({
        "C": "US", "CN": "contoso-toaster-007", "DC": ["com", "contoso"], "O": "Contoso, Ltd.",
        "OU": ["Toasters", "Plant 4"], "ST": "Washington", "emailAddress": "line@contoso.com",
        "serialNumber": "12-34",
    });
    let certificate = shown(&base64_of(PEM)).unwrap().unwrap();
    assert_eq!(
        Value::from(certificate.to_json()),
        json!({
            "subject": subject,
            "issuer": subject,
            "serialNumber": "f1e2d3",
            "sha256": "b9edc86ec4ee15b7ed7e4407a59f6410cb629b2d1b126540c11f43c43c5a8452",
            "sha1": "ad5455955044143204b59bde8d779f2e84c0b722",
            "notBefore": "2026-11-25T15:40:03Z",
            "notAfter": "2051-07-17T15:40:03Z",
            "dnsNames": ["contoso-toaster-007", "toaster.contoso.com"],
        })
    );
    let since_1970 = |time: Option<SystemTime>| time.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(since_1970(certificate.not_before), Duration::from_secs(1_795_621_203));
    assert_eq!(certificate.subject.get("O"), Some("Contoso, Ltd."));
    assert_eq!(certificate.subject.get("OU"), None);
    assert_eq!(certificate.subject.values("OU"), ["Toasters", "Plant 4"]);
    assert_eq!(certificate.subject.get("L"), None);
    assert!(certificate.subject.values("L").is_empty());
}

#[test]
fn line_breaks_pem_and_missing_padding_do_no_harm() {
    let base64 = base64_of(PEM);
    let expected = shown(&base64).unwrap();
    assert!(expected.is_some());
    for text in [
        PEM.to_owned(),
        PEM.replace('\n', "\r\n"),
        format!("subject=CN = contoso\n{PEM}{PEM}"),
        format!(
            "  {}\n",
            base64
                .as_bytes()
                .chunks(7)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect::<Vec<_>>()
                .join("\n\t")
        ),
        base64.trim_end_matches('=').to_owned(),
    ] {
        assert_eq!(shown(&text), Ok(expected.clone()), "{text}");
    }
}

#[test]
fn a_broken_certificate_is_refused() {
    const WORDS: &str = "The device's certificate cannot be read: ";
    let base64 = |der: &[u8]| BASE64_STANDARD.encode(der);
    let der = der();
    let san = der.windows(4).rposition(|bytes| bytes == [0x82, 0x13, b'c', b'o']).unwrap();
    let mut no_names = der.clone();
    // The length of the first alternative name, longer than all of them.
    no_names[san + 1] = 0x7f;
    let mut no_date = der.clone();
    let date = no_date.windows(4).position(|bytes| bytes == *b"2611").unwrap();
    no_date[date + 2] = b'9';
    for (what, text, words) in [
        ("empty", String::new(), "expected base64, found an empty text."),
        ("white space", " \n".to_owned(), "expected base64, found an empty text."),
        ("no base64", "hello!".to_owned(), "not valid base64."),
        ("base64 for URLs", base64_of(PEM).replace('+', "-"), "not valid base64."),
        ("PEM without an end", PEM.replace("END", "FIN"), "expected -----END CERTIFICATE----- at its end."),
        ("PEM of something else", PEM.replace("CERTIFICATE", "PUBLIC KEY"), "not valid base64."),
        ("too long", "A".repeat(65_537), "expected at most 65536 bytes for clientCertificate, found 65537."),
        ("something else", base64(b"hello"), "not a certificate in DER form."),
        ("cut off", base64(&der[..der.len() - 1]), "not a certificate in DER form."),
        ("bytes behind it", base64(&[&der[..], b"xyz"].concat()), "3 bytes follow the certificate."),
        ("a 91st month", base64(&no_date), "not a certificate in DER form (invalid date)."),
        ("no alternative names", base64(&no_names), "not a certificate in DER form (invalid extensions)."),
    ] {
        assert_eq!(shown(&text), Err(format!("{WORDS}{words}")), "{what}");
    }
    let wrong = read(&json!({ "clientCertificate": 5 }), &json!({})).unwrap_err();
    assert!(
        wrong.starts_with(
            "The request body has the wrong type at deviceRuntimeContext.x509.clientCertificate: "
        ),
        "{wrong}"
    );
}

#[test]
fn names_are_read_in_every_encoding() {
    let unusual = |value: DnValue| {
        made(|params| params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, 3, 4]), value)).subject
    };
    for (value, text) in [
        (DnValue::Utf8String("Käse 🧀".to_owned()), "Käse 🧀"),
        (DnValue::PrintableString("Plant 4".try_into().unwrap()), "Plant 4"),
        (DnValue::TeletexString("Plant 4".try_into().unwrap()), "Plant 4"),
        (DnValue::BmpString("Käse".try_into().unwrap()), "Käse"),
        (DnValue::UniversalString("Käse 🧀".try_into().unwrap()), "Käse 🧀"),
    ] {
        let name = unusual(value);
        assert_eq!(name.get("1.2.3.4"), Some(text));
        assert_eq!(
            name.to_json(),
            Map::from_iter([("CN".into(), "rcgen self signed cert".into()), ("1.2.3.4".into(), text.into())])
        );
    }
}

#[test]
fn dates_and_serial_numbers_at_their_ends() {
    for (serial, text) in
        [(vec![0], "00"), (vec![0, 0, 7], "07"), (vec![0xff, 0xee], "ffee"), (vec![1; 20], &"01".repeat(20))]
    {
        let certificate = made(|params| params.serial_number = Some(SerialNumber::from(serial)));
        assert_eq!(certificate.serial_number.as_deref(), Some(text));
    }
    let certificate = made(|params| {
        params.not_before = rcgen::date_time_ymd(1950, 1, 1);
        params.not_after = rcgen::date_time_ymd(9999, 12, 31);
    });
    let json = certificate.to_json();
    assert_eq!(
        (&json["notBefore"], &json["notAfter"]),
        (&json!("1950-01-01T00:00:00Z"), &json!("9999-12-31T00:00:00Z"))
    );
}

fn info(name: &str) -> Value {
    json!({ "info": {
        "subjectName": format!("CN={name}, O=\"Contoso, Ltd.\", OU=Toasters, OU=Plant 4, S=Washington, OID.1.2.3.4=x"),
        "issuerName": "CN=Contoso Root", "sha1Thumbprint": "AB01", "sha256Thumbprint": "CD02",
        "notBeforeUtc": "2022-01-01T00:00:00Z", "notAfterUtc": "2032-01-01T00:00:00.1234567Z",
        "serialNumber": "00F1E2D3", "version": 3,
    } })
}

fn enrolled(kind: &str, pair: &str, certificates: &Value) -> Value {
    json!({ kind: { "attestation": { "type": "x509", "x509": { pair: certificates } } } })
}

#[test]
fn the_enrollments_certificate_stands_in_for_one_that_is_not_shown() {
    for (what, enrollment, name) in [
        (
            "individual",
            enrolled("individualEnrollment", "clientCertificates", &json!({ "primary": info("a") })),
            Some("a"),
        ),
        (
            "group",
            enrolled(
                "enrollmentGroup",
                "signingCertificates",
                &json!({ "primary": info("b"), "secondary": info("c") }),
            ),
            Some("b"),
        ),
        (
            "secondary",
            enrolled("enrollmentGroup", "signingCertificates", &json!({ "secondary": info("c") })),
            Some("c"),
        ),
        (
            "primary null",
            enrolled(
                "enrollmentGroup",
                "signingCertificates",
                &json!({ "primary": null, "secondary": info("c") }),
            ),
            Some("c"),
        ),
        (
            "primary without information",
            enrolled(
                "enrollmentGroup",
                "signingCertificates",
                &json!({ "primary": {}, "secondary": info("c") }),
            ),
            Some("c"),
        ),
        (
            "authorities by name",
            enrolled("enrollmentGroup", "caReferences", &json!({ "primary": "root" })),
            None,
        ),
        (
            "a symmetric key",
            json!({ "enrollmentGroup": { "attestation": { "type": "symmetricKey" } } }),
            None,
        ),
        ("no enrollment", json!({}), None),
        (
            "odd members elsewhere",
            json!({ "enrollmentGroup": { "etag": 5, "iotHubs": {}, "attestation": null } }),
            None,
        ),
    ] {
        for x509 in [json!(null), json!({}), json!({ "clientCertificate": null })] {
            let found = read(&x509, &enrollment).unwrap();
            assert_eq!(found.as_ref().and_then(|found| found.subject.get("CN")), name, "{what}");
        }
        let found = read(&json!({ "clientCertificate": base64_of(PEM) }), &enrollment).unwrap().unwrap();
        assert_eq!(found.subject.get("CN"), Some("contoso-toaster-007"), "{what}: the one shown comes first");
    }
    let found = read(
        &json!(null),
        &enrolled("individualEnrollment", "clientCertificates", &json!({ "primary": info("a") })),
    );
    assert_eq!(
        Value::from(found.unwrap().unwrap().to_json()),
        json!({
            "subject": { "1.2.3.4": "x", "CN": "a", "O": "Contoso, Ltd.", "OU": ["Toasters", "Plant 4"], "ST": "Washington" },
            "issuer": { "CN": "Contoso Root" },
            "serialNumber": "f1e2d3", "sha256": "cd02", "sha1": "ab01",
            "notBefore": "2022-01-01T00:00:00Z", "notAfter": "2032-01-01T00:00:00.1234567Z", "dnsNames": [],
        })
    );
}

#[test]
fn what_the_enrollment_does_not_say_is_null() {
    let found = read(
        &json!(null),
        &enrolled("enrollmentGroup", "signingCertificates", &json!({ "primary": { "info": {} } })),
    );
    assert_eq!(
        Value::from(found.unwrap().unwrap().to_json()),
        json!({
            "subject": {}, "issuer": {}, "serialNumber": null, "sha256": null, "sha1": null,
            "notBefore": null, "notAfter": null, "dnsNames": [],
        })
    );
}

/// Whatever the service says of a certificate, in one member.
fn said(member: &str, text: &str) -> Result<Map<String, Value>, String> {
    let primary = json!({ "primary": { "info": { member: text } } });
    let found = read(&json!(null), &enrolled("enrollmentGroup", "signingCertificates", &primary));
    found.map(|found| found.unwrap().to_json())
}

#[test]
fn subject_texts_are_read_by_attribute() {
    for (text, subject) in [
        ("", json!({})),
        ("CN=a", json!({ "CN": "a" })),
        ("CN=a, O=b", json!({ "CN": "a", "O": "b" })),
        (" cn = a ,o=b;ou=c + OU=d ", json!({ "CN": "a", "O": "b", "OU": ["c", "d"] })),
        (r#"O="a, ""b"" = c", CN="""#, json!({ "O": "a, \"b\" = c", "CN": "" })),
        (r"O=a\, b\ , CN=c\d\\", json!({ "O": "a, b ", "CN": r"c\d\" })),
        ("CN=, O=b", json!({ "CN": "", "O": "b" })),
        ("CN=a=b", json!({ "CN": "a=b" })),
        ("CN=a,", json!({ "CN": "a" })),
        (
            "2.5.4.11=a, OID.2.5.4.10=b, oid.1.2=c, X-y=d",
            json!({ "OU": "a", "O": "b", "1.2": "c", "X-y": "d" }),
        ),
        (
            "E=a, S=b, T=c, G=d, I=e, SERIALNUMBER=f, STREET=g",
            json!({
                "emailAddress": "a", "ST": "b", "title": "c", "GN": "d", "initials": "e", "serialNumber": "f", "STREET": "g",
            }),
        ),
        ("CN=Käse 🧀, O=ß", json!({ "CN": "Käse 🧀", "O": "ß" })),
    ] {
        assert_eq!(said("subjectName", text).map(|found| found["subject"].clone()), Ok(subject), "{text}");
    }
}

#[test]
fn what_the_enrollment_says_wrong_is_refused() {
    let attributes = "expected attributes such as CN=a, O=b";
    let date = "expected a date such as 2026-11-25T00:00:00Z for notAfterUtc";
    for (member, text, words) in [
        ("subjectName", "hello", format!("subjectName: {attributes}")),
        ("issuerName", "CN=a, hello", format!("issuerName: {attributes}")),
        ("subjectName", "=a", format!("subjectName: {attributes}")),
        ("subjectName", "a, CN=b", format!("subjectName: {attributes}")),
        ("subjectName", "CN=\"a", "subjectName: expected a closing quotation mark".to_owned()),
        ("subjectName", "CN=\"a\" b, O=c", "subjectName: expected a comma after a quoted value".to_owned()),
        ("notAfterUtc", "tomorrow", date.to_owned()),
        ("notAfterUtc", "9999-12-31T23:59:59-01:00", "notAfterUtc is out of range".to_owned()),
    ] {
        assert_eq!(
            said(member, text),
            Err(format!("The device's certificate cannot be read: {words}.")),
            "{text}"
        );
    }
    let long = said("subjectName", &"CN=a,".repeat(20_000)).unwrap_err();
    assert_eq!(
        long,
        "The device's certificate cannot be read: expected at most 65536 bytes for subjectName, found 100000."
    );
}

/// One value in DER: its tag, its length, its content.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}

/// A certificate of version 1 whose subject is `name`.
fn named(name: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &tlv(0x06, &[42, 3]));
    let dates = [tlv(0x17, b"260101000000Z"), tlv(0x17, b"270101000000Z")].concat();
    let key = [algorithm.clone(), tlv(0x03, &[0, 1])].concat();
    let parts = [
        tlv(0x02, &[1]),
        algorithm.clone(),
        tlv(0x30, &[]),
        tlv(0x30, &dates),
        tlv(0x30, name),
        tlv(0x30, &key),
    ];
    tlv(0x30, &[tlv(0x30, &parts.concat()), algorithm, tlv(0x03, &[0, 1])].concat())
}

fn attribute(number: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(0x31, &tlv(0x30, &[&tlv(0x06, number), value].concat()))
}

#[test]
fn what_is_no_text_in_a_name_is_hexadecimal() {
    for (tag, content, text) in [
        (0x0c, &b"text"[..], "text"),
        (0x04, &[1, 0xab], "#01ab"),
        (0x0c, &[0xff], "#ff"),
        (0x14, &[b'K', 0xe4], "Kä"),
        (0x1e, &[0xd8, 0], "#d800"),
        (0x1e, &[0], "#00"),
        (0x1c, &[0, 0, 0], "#000000"),
    ] {
        let der = named(&attribute(&[0x55, 4, 3], &tlv(tag, content)));
        if let Ok(found) = shown(&BASE64_STANDARD.encode(&der)) {
            assert_eq!(found.unwrap().subject.get("CN"), Some(text), "{tag:x}");
        } else {
            panic!("{tag:x} {content:?}");
        }
    }
}

/// The largest text that is read, filled with what a parser may be slow at.
#[test]
fn hostile_names_take_no_time() {
    let utf8 = |text: &[u8]| tlv(0x0c, text);
    let long_number = [&[42], &[0xff; 48_000][..], &[1]].concat();
    let mut nested = utf8(b"a");
    while nested.len() < 48_000 {
        nested = tlv(0x30, &nested);
    }
    for (what, name) in [
        ("a number of 336,000 bits", attribute(&long_number, &utf8(b"a"))),
        ("a number of 48,000 parts", attribute(&[1; 48_000], &utf8(b"a"))),
        ("1,500 attributes", attribute(&[0x55, 4, 3], &utf8(b"a")).repeat(1_500)),
        ("a long value", attribute(&[0x55, 4, 3], &utf8(&[b'a'; 48_000]))),
        ("8,000 levels", attribute(&[0x55, 4, 3], &nested)),
    ] {
        let text = BASE64_STANDARD.encode(named(&name));
        let start = Instant::now();
        let found = shown(&text);
        let taken = start.elapsed();
        assert!(found.is_ok(), "{what}: {found:?}");
        assert!(taken < Duration::from_secs(1), "{what}: {taken:?}");
    }
}

proptest! {
    #[test]
    fn any_text_as_a_certificate(text in ".{0,200}") {
        prop_assert!(shown(&text).is_err());
    }

    #[test]
    fn any_bytes_as_a_certificate(bytes: Vec<u8>) {
        prop_assert!(shown(&BASE64_STANDARD.encode(bytes)).is_err());
    }

    #[test]
    fn a_certificate_changed_anywhere_is_read_or_refused(at: proptest::sample::Index, byte: u8, cut: proptest::sample::Index) {
        let mut der = der();
        let at = at.index(der.len());
        der[at] = byte;
        if let Err(words) = shown(&BASE64_STANDARD.encode(&der)) {
            prop_assert!(words.starts_with("The device's certificate cannot be read: ") && words.len() < 300, "{}", words);
        }
        der.truncate(cut.index(der.len()));
        prop_assert!(shown(&BASE64_STANDARD.encode(der)).is_err());
    }

    #[test]
    fn any_text_in_the_enrollments_information(text in "[A-Za-z=,;+\"\\\\ .ä-]{0,40}") {
        for member in ["subjectName", "notBeforeUtc", "serialNumber"] {
            if let Err(words) = said(member, &text) {
                prop_assert!(words.starts_with("The device's certificate cannot be read: "), "{}", words);
            }
        }
    }

    #[test]
    fn a_name_written_in_quotation_marks_is_read_back(values in proptest::collection::vec(".{0,20}", 1..5)) {
        let quoted = values.iter().map(|value| format!("OU=\"{}\"", value.replace('"', "\"\"")));
        let text = quoted.collect::<Vec<_>>().join(", ");
        let found = said("subjectName", &text).unwrap();
        let expected = if let [value] = values.as_slice() { json!(value) } else { json!(values) };
        prop_assert_eq!(&found["subject"]["OU"], &expected);
    }
}
