use std::path::Path;

use dps_custom_allocation::lookups::{File, Lookup, Question};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ask, told};

/// Reads `bytes` as a file named `name` with the key `registrationId`.
fn read(name: &str, bytes: impl AsRef<[u8]>) -> Result<File, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    File::read(&path, "registrationId").map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

fn find(file: &File, registration_id: &str) -> Value {
    let question = Question { registration_id, values: &[], inputs: None };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(file.find(&question)).unwrap().map_or(Value::Null, Value::Object)
}

#[tokio::test]
async fn it_is_asked_by_registration_id_and_says_so() {
    let devices = read("devices.csv", "registrationId,hub\ntoaster-7,contoso-a\n").unwrap();
    let (found, line) = told(ask(devices, &[], None).await);
    assert_eq!(found, json!({ "registrationId": "toaster-7", "hub": "contoso-a" }));
    assert_eq!(line, "Look-up device (devices.csv by registrationId): found");

    let devices = read("devices.json", "[]").unwrap();
    let (found, line) = told(ask(devices, &[], None).await);
    assert_eq!(found, Value::Null);
    assert_eq!(line, "Look-up device (devices.json by registrationId): nothing found");
}

#[test]
fn csv_as_spreadsheets_write_it() {
    let row = json!({ "hub": "a", "registrationId": "d-1", "note": "x" });
    let table = [
        ("hub,registrationId,note\na,d-1,x", "no line end at the end"),
        ("hub,registrationId,note\r\na,d-1,x\r\n", "the line ends of Windows"),
        ("\u{feff}hub,registrationId,note\r\na,d-1,x\r\n", "a byte order mark"),
        ("hub;registrationId;note\r\na;d-1;x\r\n", "semicolons"),
        ("hub\tregistrationId\tnote\na\td-1\tx\n", "tabs"),
        ("\"hub\",\"registrationId\",\"note\"\n\"a\",\"d-1\",\"x\"\n", "quoted fields"),
        (" hub , registrationId , note \n a , d-1 , x \n", "spaces"),
        ("\n\nhub,registrationId,note\n\n\na,d-1,x\n\n  \n,,\n", "empty lines"),
        ("hub,registrationId,note,,\na,d-1,x,,\n", "empty columns"),
    ];
    for (text, what) in table {
        let file = read("devices.CSV", text).unwrap_or_else(|mistakes| panic!("{what}: {mistakes:?}"));
        assert_eq!(file.len(), 1, "{what}");
        assert_eq!(find(&file, "d-1"), row, "{what}");
        assert_eq!(find(&file, "D-1"), row, "{what}: without regard to case");
        assert_eq!(find(&file, "d-2"), Value::Null, "{what}");
    }
    let file = read("devices.csv", "registrationId,note\nd-1,\"a, \"\"b\"\"\nand c\"\nd-2,ü\n").unwrap();
    assert_eq!(find(&file, "d-1")["note"], "a, \"b\"\nand c");
    assert_eq!(find(&file, "d-2")["note"], "ü");
}

#[test]
fn each_mistake_in_csv_has_its_line() {
    let table: &[(&[u8], &[&str])] = &[
        (b"", &["line 1: no column is named registrationId"]),
        (b"id,hub\n", &["line 1: no column is named registrationId"]),
        (b"registrationid,hub\n", &["line 1: no column is named registrationId"]),
        (b"registrationId,hub,hub\n", &["line 1: two columns are named hub"]),
        (b"registrationId,hub\nd-1\n", &["line 2: expected 2 fields, found 1"]),
        (b"registrationId,hub\r\n\r\nd-1,a,b\r\n", &["line 3: expected 2 fields, found 3"]),
        (b"registrationId,hub\n,a\n", &["line 2: registrationId is empty"]),
        (b"registrationId,\nd-1,a\n", &["line 2: column 2 has no name"]),
        (b"registrationId,hub\nd-1,\"a\nd-2,b\n", &["line 2: a quotation mark is not closed"]),
        (b"registrationId,hub\nd-1,5\" pipe\nd-2,b\n", &["line 2: a quotation mark is not closed"]),
        (b"registrationId,hub\nd-1,\xfc\n", &["line 2: not valid UTF-8; save it as «CSV UTF-8»"]),
        (b"\xff\xfer\0", &["line 1: expected UTF-8, found UTF-16; save it as «CSV UTF-8»"]),
        (
            b"registrationId,hub\nd-1,a\n\n\"d-\n2\",b\nD-1,c\nd-3\nd-3,d\nd-3,e\n",
            &[
                r#"line 6: registrationId "D-1" is already in line 2"#,
                "line 7: expected 2 fields, found 1",
                r#"line 9: registrationId "d-3" is already in line 8"#,
            ],
        ),
    ];
    for (bytes, mistakes) in table {
        let found = read("devices.csv", bytes).unwrap_err();
        let mistakes: Vec<_> = mistakes.iter().map(|mistake| format!("devices.csv: {mistake}")).collect();
        assert_eq!(found, mistakes, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn json_is_an_array_of_objects() {
    let text = r#"[ { "registrationId": " d-1 ", "n": 1.50, "site": { "id": 5 } },
        { "hub": null, "registrationId": "D-2" } ]"#;
    for text in [text.to_owned(), format!("\u{feff}{text}\n")] {
        let file = read("devices.json", text).unwrap();
        assert_eq!(file.len(), 2);
        assert_eq!(find(&file, "d-1"), json!({ "registrationId": " d-1 ", "n": 1.5, "site": { "id": 5 } }));
        assert_eq!(find(&file, "d-2"), json!({ "hub": null, "registrationId": "D-2" }));
    }
}

#[test]
fn each_mistake_in_json_has_its_line() {
    let table: &[(&str, &[&str])] = &[
        ("", &["line 1: invalid JSON at column 0"]),
        ("{}", &["line 1: expected an array of objects"]),
        ("5", &["line 1: expected an array of objects"]),
        ("[]\n]", &["line 2: invalid JSON at column 1"]),
        ("[\n{ \"registrationId\": \"d-1\" }\n{}]", &["line 3: invalid JSON at column 1"]),
        (
            "[\n5,\n[],\n\"a\",\nnull]",
            &[
                "line 2: expected an object",
                "line 3: expected an object",
                "line 4: expected an object",
                "line 5: expected an object",
            ],
        ),
        (
            "[{},\n{ \"registrationId\": 5 }, { \"registrationId\": null },\n{ \"registrationId\": [1] },\n{ \"registrationId\": \"\" }]",
            &[
                "line 1: no member is named registrationId",
                "line 2: registrationId: expected a string, found 5",
                "line 2: registrationId: expected a string, found null",
                "line 3: registrationId: expected a string, found an array",
                "line 4: registrationId is empty",
            ],
        ),
        (
            "[{ \"registrationId\": \"d-1\" },\n\n{\n\"registrationId\": \"D-1\" }]",
            &[r#"line 3: registrationId "D-1" is already in line 1"#],
        ),
    ];
    for (text, mistakes) in table {
        let found = read("devices.json", text).unwrap_err();
        let mistakes: Vec<_> = mistakes.iter().map(|mistake| format!("devices.json: {mistake}")).collect();
        assert_eq!(found, mistakes, "{text}");
    }
}

#[test]
fn a_file_that_is_not_there_or_of_another_kind_is_a_mistake() {
    let read = |path: &str| File::read(Path::new(path), "id").unwrap_err()[0].to_string();
    assert_eq!(
        read("/nowhere/devices.csv"),
        "devices.csv: cannot be read: No such file or directory (os error 2)"
    );
    assert_eq!(read("devices.xlsx"), "devices.xlsx: expected a .csv or a .json file");
    assert_eq!(read("devices"), "devices: expected a .csv or a .json file");
}

#[test]
fn of_many_mistakes_the_first_are_told() {
    let mistakes = read("devices.csv", format!("registrationId,hub\n{}", "d-1\n".repeat(1000))).unwrap_err();
    assert_eq!(mistakes.len(), 21);
    assert_eq!(mistakes[19], "devices.csv: line 21: expected 2 fields, found 1");
    assert_eq!(mistakes[20], "devices.csv: 980 more mistakes");
}

proptest! {
    #[test]
    fn any_bytes_as_a_file(bytes: Vec<u8>, name in "devices\\.(csv|json)") {
        let _ = read(&name, bytes);
    }

    #[test]
    fn what_is_written_is_found(
        rows in proptest::collection::btree_map("[a-z0-9-]{1,12}", r#"[!-~ü"]([ -~ü"\n]{0,20}[!-~ü"])?"#, 1..20),
        delimiter in "[,;\t]",
        end in "\r?\n",
    ) {
        let mut text = format!("registrationId{delimiter}note{end}");
        for (id, note) in &rows {
            text += &format!("{id}{delimiter}\"{}\"{end}", note.replace('"', "\"\""));
        }
        let file = read("devices.csv", text).unwrap();
        prop_assert_eq!(file.len(), rows.len());
        for (id, note) in &rows {
            prop_assert_eq!(find(&file, id), json!({ "registrationId": id, "note": note }));
        }
    }
}
