//! The provisioning service over MQTT: what it says byte for byte, and whom it turns away.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use provisioning_service::DpsOptions;

use super::mqtt_client::{
    ACCEPTED, ANSWERS, connect, good_connect, packet, puback, publish, publish_1, register_topic,
    status_topic, subscribe, text, unsubscribe, username,
};
use super::server::{DEADLINE, Device, SCOPE, Stage, in_an_hour, signature, token};
use crate::program::open_files;

#[tokio::test]
async fn acknowledgements_are_these_bytes() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.send(&good_connect("dev1")).await;
    device.expect(&[0x20, 2, 0, 0]).await;
    device.send(&subscribe(0x1234, ANSWERS, 1)).await;
    device.expect(&[0x90, 3, 0x12, 0x34, 1]).await;
    device.send(&publish_1(0xfffe, &register_topic("7"), b"")).await;
    device.expect(&[0x40, 2, 0xff, 0xfe]).await;
    let answer = device.answer().await;
    assert_eq!((answer.first, answer.id), (0x32, Some(1)), "QoS 1, no duplicate, not retained");
    assert_eq!(answer.topic, "$dps/registrations/res/202/?$rid=7&retry-after=3");
    device.send(&[0xc0, 0]).await;
    device.expect(&[0xd0, 0]).await;
    device.send(&unsubscribe(0x0102, ANSWERS)).await;
    device.expect(&[0xb0, 2, 1, 2]).await;
    device.send(&[0xe0, 0]).await;
    device.expect_end().await;
    assert_eq!(stage.lines(&["closed"]), 0, "a device that disconnects is not logged\n{}", stage.whole_log());
}

#[tokio::test]
async fn subscriptions_are_granted_for_answers_alone_and_up_to_qos_1() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.send(&good_connect("dev1")).await;
    device.expect(&ACCEPTED).await;
    for (filter, qos, code) in [
        (ANSWERS, 2, 1),
        (ANSWERS, 1, 1),
        ("#", 1, 0x80),
        ("$dps/registrations/PUT/#", 0, 0x80),
        (ANSWERS, 0, 0),
    ] {
        device.send(&subscribe(9, filter, qos)).await;
        device.expect(&[0x90, 3, 0, 9, code]).await;
    }
    // The last subscription was at QoS 0, so that is how answers come.
    let answer = device.register("a", "").await;
    assert_eq!((answer.first, answer.id), (0x30, None));
    let two = [&[0, 5][..], &text("x"), &[1], &text(ANSWERS), &[2]].concat();
    device.send(&packet(0x82, &two)).await;
    device.expect(&[0x90, 4, 0, 5, 0x80, 1]).await;
    stage.says(&["(dev1)", "SUBSCRIBE", "“$dps/registrations/PUT/#”", ANSWERS]).await;
}

#[tokio::test]
async fn filters_narrower_than_all_answers_are_granted_and_get_what_matches() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.send(&good_connect("dev1")).await;
    device.expect(&ACCEPTED).await;
    let exact = "$dps/registrations/res/202/?$rid=1&retry-after=3";
    for (filter, qos, code) in [
        (exact, 0, 0),
        ("$dps/registrations/res/404/+", 1, 1),
        ("$dps/registrations/res/+/?$rid=9", 2, 1),
        ("", 1, 0x80),
        ("$dps/#", 1, 0x80),
        ("$dps/registrations/+/202/#", 1, 0x80),
        ("$dps/registrations/#", 1, 0x80),
        ("$dps/registrations/res", 1, 0x80),
        ("$dps/registrations/res/#/202", 1, 0x80),
        ("$dps/registrations/res/20+/#", 1, 0x80),
        ("$dps/registrations/res/200#", 1, 0x80),
    ] {
        device.send(&subscribe(9, filter, qos)).await;
        device.expect(&[0x90, 3, 0, 9, code]).await;
    }
    // At QoS 0, as the exact topic was subscribed to; at QoS 1, as the other one was.
    let answer = device.register("1", "").await;
    assert_eq!((answer.first, answer.topic.as_str()), (0x30, exact));
    device.send(&publish(&status_topic("2", "4.x"), b" ")).await;
    let answer = device.answer().await;
    assert_eq!((answer.first, answer.topic.as_str()), (0x32, "$dps/registrations/res/404/?$rid=2"));
    // No filter matches this one.
    device.send(&publish(&register_topic("3"), b"")).await;
    stage.says(&["(dev1)", "res/202/?$rid=3", "is dropped", "has not subscribed"]).await;
    // Once unsubscribed from, a topic is silent.
    device.send(&unsubscribe(5, exact)).await;
    device.expect(&[0xb0, 2, 0, 5]).await;
    device.send(&publish(&register_topic("1"), b"")).await;
    device.send(&[0xc0, 0]).await;
    device.expect(&[0xd0, 0]).await;
}

#[tokio::test]
async fn each_form_of_a_filter_gets_what_it_matches() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.send(&good_connect("dev1")).await;
    device.expect(&ACCEPTED).await;
    for (filter, matches) in [
        ("$dps/registrations/res/#", true),
        ("$dps/registrations/res/+/#", true),
        ("$dps/registrations/res/+/+", true),
        ("$dps/registrations/res/202/+", true),
        ("$dps/registrations/res/202/#", true),
        ("$dps/registrations/res/202/+/#", true),
        ("$dps/registrations/res/202/?$rid=1&retry-after=3", true),
        ("$dps/registrations/res/200/?$rid=1", false),
        ("$dps/registrations/res/+", false),
        ("$dps/registrations/res/202/+/+", false),
    ] {
        device.send(&subscribe(9, filter, 0)).await;
        device.expect(&[0x90, 3, 0, 9, 0]).await;
        device.send(&publish(&register_topic("1"), b"")).await;
        if matches {
            assert_eq!(device.answer().await.topic, "$dps/registrations/res/202/?$rid=1&retry-after=3");
        }
        device.send(&unsubscribe(5, filter)).await;
        assert_eq!(device.packet().await, (0xb0, vec![0, 5]), "{filter}");
    }
}

#[tokio::test]
async fn a_subscribe_right_after_its_publish_still_gets_the_answer() {
    let stage = Stage::with(|options| options.answer_delay = Duration::from_secs(1)).await;
    let mut device = stage.mqtt().await;
    let burst = [
        good_connect("dev1"),
        publish_1(2, &register_topic("1"), b"{}"),
        publish_1(3, &register_topic("2"), b"{}"),
        subscribe(4, ANSWERS, 1),
        vec![0xc0, 0],
    ];
    device.send(&burst.concat()).await;
    // All is acknowledged while the answers wait, PINGREQ too.
    device.expect(&[0x20, 2, 0, 0, 0x40, 2, 0, 2, 0x40, 2, 0, 3, 0x90, 3, 0, 4, 1, 0xd0, 0]).await;
    for rid in ["1", "2"] {
        let expected = format!("$dps/registrations/res/202/?$rid={rid}&retry-after=3");
        assert_eq!(device.answer().await.topic, expected);
    }
}

#[tokio::test]
async fn more_requests_at_once_than_answers_may_wait_are_all_answered() {
    let stage = Stage::with(|options| options.answer_delay = Duration::from_millis(55)).await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    device.send(&publish(&status_topic("1", "4.x"), b"").repeat(100)).await;
    for _ in 0..100 {
        assert_eq!(device.answer().await.topic, "$dps/registrations/res/404/?$rid=1");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_answered_413_and_the_connection_stays() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    for (rid, length) in [("1", 98_305), ("2", 102_401), ("3", 262_000)] {
        let body = format!("{{\"payload\":\"{}\"}}", "x".repeat(length - 14));
        device.send(&publish_1(7, &register_topic(rid), body.as_bytes())).await;
        device.expect(&puback(7)).await;
        let answer = device.answer().await;
        assert_eq!(answer.topic, format!("$dps/registrations/res/413/?$rid={rid}"));
        assert_eq!(answer.body["errorCode"], 413_000, "{answer:?}");
    }
    let longest = format!("{}{{}}", " ".repeat(98_302));
    assert_eq!(device.register("4", &longest).await.body["status"], "assigning");
}

#[tokio::test]
async fn other_protocols_at_the_port_for_mqtt_are_named() {
    let stage = Stage::start().await;
    for (bytes, expected) in [
        (&b"AMQP\x03\x01\0\0"[..], "AMQP is not supported yet; use MQTT or HTTPS"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "expected MQTT at this port, found HTTP; connection closed"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "expected MQTT at this port, found HTTP/2; connection closed"),
    ] {
        let mut device = stage.mqtt().await;
        device.send(bytes).await;
        let answer = String::from_utf8(device.rest().await).unwrap();
        match bytes.starts_with(b"GET") {
            true => assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(expected), "{answer}"),
            false => assert_eq!(answer, ""),
        }
        stage.says_often(1, &["MQTT 127.0.0.1:", expected]).await;
    }
}

#[tokio::test]
async fn a_connect_is_refused_with_the_return_code_that_says_why() {
    let stage = Stage::start().await;
    let (id, user, sas) = ("dev1", username("dev1"), token("dev1"));
    let sr = format!("{SCOPE}%2Fregistrations%2Fdev1");
    let expiry = in_an_hour();
    let foreign =
        format!("SharedAccessSignature sr={sr}&sig={}&se={expiry}", signature(b"another key", &sr, expiry));
    let other_scope = user.replace(SCOPE, "0ne00000000");
    let version = |level: u8| {
        let mut packet = connect(0xc2, 60, id, &user, &sas);
        // One byte of type, two of length, six of protocol name.
        assert_eq!(&packet[5..9], b"MQTT");
        packet[9] = level;
        packet
    };
    let mqtt_3_1 = packet(0x10, &[&text("MQIsdp")[..], &[3, 2, 0, 60], &text(id)].concat());
    let anonymous = packet(0x10, &[&text("MQTT")[..], &[4, 2, 0, 60], &text(id)].concat());
    let no_token = packet(0x10, &[&text("MQTT")[..], &[4, 0x82, 0, 60], &text(id), &text(&user)].concat());
    let table: [(&str, Vec<u8>, u8, &[&str]); 12] = [
        (
            "MQTT 5",
            version(5),
            1,
            &["CONNECT refused (1)", "expected MQTT 3.1.1 (protocol level 4), found MQTT 5"],
        ),
        ("protocol level 3", version(3), 1, &["CONNECT refused (1)", "found protocol level 3"]),
        (
            "MQTT 3.1",
            mqtt_3_1,
            1,
            &["CONNECT refused (1)", "expected MQTT 3.1.1 (protocol level 4), found MQTT 3.1;"],
        ),
        ("no username", anonymous, 4, &["CONNECT refused (4)", "{idScope}/registrations/"]),
        (
            "a hub's username",
            connect(0xc2, 0, id, "h/dev1/?api-version=1", &sas),
            4,
            &["“h/dev1/?api-version=1”"],
        ),
        (
            "no api-version",
            connect(0xc2, 0, id, &format!("{SCOPE}/registrations/dev1/"), &sas),
            4,
            &["api-version"],
        ),
        (
            "an api-version that is none",
            connect(0xc2, 0, id, &format!("{SCOPE}/registrations/dev1/api-version=banana"), &sas),
            4,
            &[
                "CONNECT refused (4): expected an api-version such as 2021-06-01",
                "in the username of “dev1”, found “banana”",
            ],
        ),
        ("no client id", connect(0xc2, 0, "", &user, &sas), 2, &["CONNECT refused (2)", "client id"]),
        ("another client id", connect(0xc2, 0, "dev2", &user, &sas), 2, &["“dev2”", "“dev1”"]),
        ("another key", connect(0xc2, 0, id, &user, &foreign), 5, &["dev1"]),
        ("another scope", connect(0xc2, 0, id, &other_scope, &sas), 5, &["dev1"]),
        ("no token", no_token, 5, &["dev1"]),
    ];
    for (what, bytes, code, words) in table {
        let before = stage.log.entries().len();
        let mut device = stage.mqtt().await;
        device.send(&bytes).await;
        let got = device.rest().await;
        assert_eq!(got, [0x20, 2, 0, code], "{what}\n{}", stage.whole_log());
        stage.says(words).await;
        assert_eq!(stage.log.entries().len(), before + 1, "{what}: one line\n{}", stage.whole_log());
    }
    assert_eq!(stage.lines(&["sig="]), 0, "no token in the log\n{}", stage.whole_log());
}

#[tokio::test]
async fn usernames_of_all_forms_are_read() {
    let stage = Stage::start().await;
    for (client_id, id, rest, code) in [
        ("dev1", "dev1", "api-version=2021-06-01&ClientVersion=1.14.0", 0),
        ("dev1", "dev1", "api-version=2019-03-31", 0),
        ("dev1", "dev1", "ClientVersion=x&api-version=2025-07-01-preview", 0),
        // Registration ids are the same whatever their case.
        ("dEV-1", "Dev-1", "api-version=2019-03-31", 0),
        ("dev-2", "Dev-1", "api-version=2019-03-31", 2),
        ("dev-1 ", "Dev-1", "api-version=2019-03-31", 2),
        ("dev1", "dev1", "", 4),
        ("dev1", "dev1", "api-version=", 4),
        ("dev1", "dev1", "api-version=banana&ClientVersion=2019-03-31", 4),
        ("dev1", "", "api-version=2019-03-31", 4),
    ] {
        let mut device = stage.mqtt().await;
        let username = format!("{SCOPE}/registrations/{id}/{rest}");
        device.send(&connect(0xc2, 0, client_id, &username, &token(id))).await;
        assert_eq!(device.read(4).await, [0x20, 2, 0, code], "{username}\n{}", stage.whole_log());
    }
    for username in [
        "dev1".to_owned(),
        format!("{SCOPE}/registrations/dev1"),
        "/registrations/dev1/api-version=2019-03-31".to_owned(),
        "a/b/registrations/dev1/api-version=2019-03-31".to_owned(),
        "hub.azure-devices.net/dev1/?api-version=2021-04-12".to_owned(),
    ] {
        let mut device = stage.mqtt().await;
        device.send(&connect(0xc2, 0, "dev1", &username, &token("dev1"))).await;
        assert_eq!(device.read(4).await, [0x20, 2, 0, 4], "{username}");
    }
}

#[tokio::test]
async fn topics_of_all_forms_are_read() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    let status = "GET/iotdps-get-operationstatus/";
    for (topic, answer) in [
        ("PUT/iotdps-register/?$rid=a/?b", "202/?$rid=a/?b&retry-after=3"),
        ("PUT/iotdps-register/?$rid=a%20b", "202/?$rid=a%20b&retry-after=3"),
        // Nothing but the one id gets into the topic of the answer.
        ("PUT/iotdps-register/?$rid=a&$rid=b&retry-after=9", "202/?$rid=a&retry-after=3"),
        ("PUT/iotdps-register/?", "202/?$rid=&retry-after=3"),
        (&format!("{status}?operationId=4.a.b&$rid=2"), "404/?$rid=2"),
        (&format!("{status}?$rid=2&operationId="), "404/?$rid=2"),
        (&format!("{status}?$rid=2"), "400/?$rid=2"),
    ] {
        device.send(&publish(&format!("$dps/registrations/{topic}"), b"")).await;
        assert_eq!(device.answer().await.topic, format!("$dps/registrations/res/{answer}"), "{topic}");
    }
}

#[tokio::test]
async fn invalid_mqtt_ends_the_connection_with_a_line_that_says_why() {
    let stage = Stage::start().await;
    let user = username("dev1");
    let with = |rest: &[u8]| [&text("MQTT")[..], &[4, 0xc2, 0, 0], rest].concat();
    let table: [(Vec<u8>, &str); 12] = [
        (vec![0, 0], "expected a CONNECT first, found a packet of type 0"),
        (vec![0xf0, 0], "expected a CONNECT first, found AUTH (of MQTT 5)"),
        (vec![0x11, 0], "expected a CONNECT first, found CONNECT with the flags 0b0001"),
        (vec![0x10, 0xff, 0xff, 0xff, 0xff, 0x7f], "invalid packet length"),
        (vec![0x10, 0xff, 0xff, 0xff, 0x7f], "expected at most 263168 bytes"),
        (packet(0x10, &[0; 9000]), "expected a CONNECT with the protocol name MQTT"),
        (vec![0x10, 0], "expected a CONNECT with the protocol name MQTT"),
        (packet(0x10, &text("AMQP")), "expected a CONNECT with the protocol name MQTT"),
        (packet(0x10, &with(&[0xff, 0xff])), "invalid packet: "),
        (packet(0x10, &with(&[0, 2, 0xff, 0xfe])), "invalid packet: "),
        (packet(0x10, &with(&[text("dev1"), text(&user), text("p"), vec![0]].concat())), "invalid packet: "),
        (vec![0xc0, 0], "expected a CONNECT first, found PINGREQ"),
    ];
    for (bytes, why) in table {
        let mut device = stage.mqtt().await;
        let port = device.stream.get_ref().0.local_addr().unwrap().port();
        device.send(&bytes).await;
        device.expect_end().await;
        stage.says(&[&format!("MQTT 127.0.0.1:{port}: "), why, "connection closed"]).await;
    }
}

#[tokio::test]
async fn what_a_device_may_not_send_ends_its_session() {
    let stage = Stage::start().await;
    let register = register_topic("1");
    let topic = |topic: &str| publish(topic, b"{}");
    let table: [(Vec<u8>, &str); 20] = [
        (good_connect("dev1"), "a CONNECT after the CONNECT"),
        (
            topic("devices/dev1/messages/events/"),
            "a PUBLISH to the unknown topic “devices/dev1/messages/events/”",
        ),
        (topic("$dps/registrations/PUT/iotdps-register"), "unknown topic"),
        (topic("$dps/registrations/PUT/iotdps-register/"), "unknown topic"),
        (topic("$dps/registrations/GET/iotdps-register/?$rid=1"), "unknown topic"),
        (topic("$dps/registrations/put/iotdps-register/?$rid=1"), "unknown topic"),
        (topic(&format!("{register}+")), "unknown topic"),
        (topic("$dps/registrations/res/200/?$rid=1"), "unknown topic"),
        (topic(&format!("{register}{}", "1".repeat(2000))), "unknown topic"),
        (topic("a/#"), "a PUBLISH to the unknown topic “a/#”"),
        (topic(""), "a PUBLISH to the unknown topic “”"),
        (packet(0x34, &[&text(&register)[..], &[0, 1]].concat()), "QoS 2"),
        (packet(0x36, &[&text(&register)[..], &[0, 1]].concat()), "invalid packet"),
        (publish_1(0, &register, b""), "the packet id is 0"),
        (packet(0x30, &[0; 263_169]), "expected at most 263168 bytes"),
        (packet(0x30, &[0xff, 0xff, b'x']), "invalid packet"),
        (subscribe(0, ANSWERS, 1), "the packet id is 0"),
        (packet(0x82, &[0, 1]), "invalid packet"),
        (packet(0xa2, &[0, 1]), "invalid packet"),
        (packet(0xc0, &[1]), "found PINGREQ with the flags 0b0000 and 1 bytes"),
    ];
    for (bytes, why) in table {
        let mut device = stage.mqtt().await;
        device.enter("dev1").await;
        device.send(&bytes).await;
        device.expect_end().await;
        stage.says(&["(dev1): ", why, "connection closed"]).await;
    }
}

#[tokio::test]
async fn requests_that_name_no_operation_are_answered_all_the_same() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    device.send(&publish(&status_topic("é/%20$", "4.0000000000000000.x"), b" ")).await;
    let answer = device.answer().await;
    assert_eq!(answer.topic, "$dps/registrations/res/404/?$rid=é/%20$");
    assert!(answer.body["errorCode"].as_u64().unwrap() / 1000 == 404, "{answer:?}");
    device.send(&publish("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2", b"")).await;
    let answer = device.answer().await;
    assert_eq!(answer.topic, "$dps/registrations/res/400/?$rid=2");
    // As the real service answers a client that says `rid` without `$`.
    device.send(&publish("$dps/registrations/PUT/iotdps-register/?rid=1", b"")).await;
    let answer = device.answer().await;
    assert_eq!(answer.topic, "$dps/registrations/res/202/?$rid=&retry-after=3");
    // A body of invalid JSON is refused by the service, and the connection stays open.
    device.send(&publish(&register_topic("3"), b"{\"registrationId\":")).await;
    let answer = device.answer().await;
    assert_eq!(answer.topic, "$dps/registrations/res/400/?$rid=3");
    // One that is sent again is a new one: the first was acknowledged, as far as the service knows.
    let mut again = publish_1(5, &register_topic("4"), b"");
    again[0] |= 0x08;
    device.send(&again).await;
    device.expect(&puback(5)).await;
    let answer = device.answer().await;
    assert_eq!(answer.topic, "$dps/registrations/res/202/?$rid=4&retry-after=3");
    // Packet ids of answers count up, so that none is used twice at a time.
    assert_eq!(answer.id, Some(5));
}

#[tokio::test]
async fn an_answer_without_a_subscription_is_dropped_and_said() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.send(&good_connect("dev1")).await;
    device.expect(&ACCEPTED).await;
    device.send(&publish_1(1, &register_topic("1"), b"")).await;
    device.expect(&puback(1)).await;
    stage.says(&["(dev1)", "res/202/?$rid=1", "has not subscribed", ANSWERS]).await;
    device.send(&[0xc0, 0]).await;
    device.expect(&[0xd0, 0]).await;
}

#[tokio::test]
async fn a_newer_connection_takes_the_place_of_an_older_one() {
    let stage = Stage::start().await;
    let mut older = stage.mqtt().await;
    older.enter("dev1").await;
    let mut other = stage.mqtt().await;
    other.enter("dev2").await;
    let mut newer = stage.mqtt().await;
    newer.enter("dev1").await;
    older.expect_end().await;
    stage.says(&["(dev1)", "a newer connection has the same client id"]).await;
    for device in [&mut newer, &mut other] {
        device.send(&[0xc0, 0]).await;
        device.expect(&[0xd0, 0]).await;
    }
}

#[tokio::test]
async fn silence_is_allowed_for_one_and_a_half_keep_alives_and_forever_if_that_is_0() {
    let stage = Stage::start().await;
    let mut silent = stage.mqtt().await;
    silent.enter("dev1").await;
    let mut device = stage.mqtt().await;
    let start = tokio::time::Instant::now();
    device.send(&connect(0xc2, 2, "dev2", &username("dev2"), &token("dev2"))).await;
    device.expect(&ACCEPTED).await;
    device.expect_end().await;
    assert!(start.elapsed() >= Duration::from_secs(3), "{:?}", start.elapsed());
    stage.says(&["(dev2)", "keep-alive", "connection closed"]).await;
    silent.send(&[0xc0, 0]).await;
    silent.expect(&[0xd0, 0]).await;
}

fn short_timeout(options: &mut DpsOptions) {
    options.timeout = Duration::from_secs(3);
}

#[tokio::test]
async fn slow_devices_are_disconnected_and_the_others_stay() {
    let stage = Stage::with(short_timeout).await;
    let mut present = stage.mqtt().await;
    present.enter("dev1").await;
    // Says nothing after the handshake.
    stage.mqtt().await.expect_end().await;
    stage.says(&["MQTT 127.0.0.1:", "nothing was sent within 3 s; connection closed"]).await;
    // Says a part of its CONNECT.
    let mut device = stage.mqtt().await;
    device.send(&good_connect("dev2")[..20]).await;
    device.expect_end().await;
    // Stops in the middle of a later packet.
    let mut device = stage.mqtt().await;
    device.enter("dev3").await;
    device.send(&publish(&register_topic("1"), b"{}")[..9]).await;
    device.expect_end().await;
    stage.says(&["(dev3)", "an incomplete packet after 3 s"]).await;
    present.send(&[0xc0, 0]).await;
    present.expect(&[0xd0, 0]).await;
}

#[tokio::test]
async fn a_device_that_reads_nothing_is_disconnected() {
    let stage = Stage::with(short_timeout).await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    let (_deaf, mut mouth) = tokio::io::split(device.stream);
    let flood = async {
        use tokio::io::AsyncWriteExt as _;
        let requests = publish(&status_topic("1", "4.x"), b" ").repeat(500);
        while mouth.write_all(&requests).await.is_ok() {}
    };
    tokio::time::timeout(DEADLINE, flood).await.expect("the service should disconnect");
    stage.says(&["(dev1)", "the device read nothing for 3 s", "connection closed"]).await;
}

#[tokio::test]
async fn packets_may_come_in_any_pieces() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    let all = [
        good_connect("dev1"),
        subscribe(1, ANSWERS, 1),
        vec![0xc0, 0],
        publish_1(2, &register_topic("1"), b"{}"),
    ]
    .concat();
    for byte in &all {
        device.send(&[*byte]).await;
    }
    device.expect(&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 1, 0xd0, 0, 0x40, 2, 0, 2]).await;
    assert_eq!(device.answer().await.topic, "$dps/registrations/res/202/?$rid=1&retry-after=3");
    let mut device = stage.mqtt().await;
    device.send(&[all, vec![0xe0, 0]].concat()).await;
    let rest = device.rest().await;
    assert!(rest.starts_with(&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 1, 0xd0, 0, 0x40, 2, 0, 2]), "{rest:?}");
}

#[tokio::test]
async fn two_thousand_silent_connections_keep_nobody_out() {
    // Each takes two file handles, for both sides are in this process; a machine may allow fewer.
    let count = 2_000.min(open_files().saturating_sub(200) / 2);
    assert!(count >= 400, "{count} connections would prove nothing: allow more open files (ulimit -Hn)");
    let stage = Stage::start().await;
    let address = stage.dps.mqtt_address();
    let mut silent = Vec::new();
    for nth in 0..count {
        let connected = tokio::time::timeout(DEADLINE, tokio::net::TcpStream::connect(address)).await;
        silent.push(connected.unwrap_or_else(|_| panic!("connection {nth}")).unwrap());
    }
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    let answer = device.register("1", "").await;
    let answer = device.settle(answer.body["operationId"].as_str().unwrap()).await;
    assert_eq!(answer.body["status"], "assigned", "{answer:?}");
    drop(silent);
}

#[tokio::test]
async fn a_connection_too_many_waits_its_turn() {
    let stage = Stage::with(|options| {
        options.connections = 2;
        short_timeout(options);
    })
    .await;
    let _silent = [connect_only(&stage).await, connect_only(&stage).await, connect_only(&stage).await];
    // Let in once the silent ones have been let go.
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    stage.says(&["MQTT 127.0.0.1:", "all connections are in use"]).await;
}

async fn connect_only(stage: &Stage) -> tokio::net::TcpStream {
    tokio::net::TcpStream::connect(stage.dps.mqtt_address()).await.unwrap()
}

/// Bytes that are near enough to MQTT to get somewhere.
fn nearly_mqtt() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        Just(subscribe(1, ANSWERS, 1)),
        Just(unsubscribe(1, ANSWERS)),
        Just(publish(&register_topic("1"), b"{}")),
        Just(publish_1(3, &status_topic("1", "4.x"), b" ")),
        Just(vec![0xc0, 0]),
        Just(puback(1)),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(first, body)| packet(first, &body)),
        prop::collection::vec(any::<u8>(), 0..50),
    ];
    let damage = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    prop::collection::vec((whole, damage), 1..6).prop_map(|packets| {
        let damaged = packets.into_iter().map(|(mut packet, damage)| {
            if let (Some((index, byte)), false) = (damage, packet.is_empty()) {
                let index = index.index(packet.len());
                packet[index] = byte;
            }
            packet
        });
        damaged.flatten().collect()
    })
}

#[test]
fn no_bytes_harm_the_service() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::with(short_timeout));
    let mut runner = TestRunner::new(Cases::with_cases(200));
    let harmless = runner.run(&(any::<bool>(), nearly_mqtt()), |(connected, bytes)| {
        runtime.block_on(async {
            let mut device = stage.mqtt().await;
            if connected {
                device.send(&good_connect("dev1")).await;
            }
            use tokio::io::AsyncWriteExt as _;
            // The service may disconnect in the middle.
            let _ = device.stream.write_all(&bytes).await;
            let _ = device.stream.shutdown().await;
            tokio::time::timeout(DEADLINE, drain(device)).await.expect("the connection should end");
        });
        Ok(())
    });
    harmless.unwrap();
    assert_eq!(stage.lines(&["panic"]), 0, "{}", stage.whole_log());
    runtime.block_on(async {
        let mut device = stage.mqtt().await;
        device.enter("dev1").await;
        assert_eq!(device.register("1", "").await.body["status"], "assigning");
    });
}

async fn drain(mut device: Device) {
    use tokio::io::AsyncReadExt as _;
    let _ = device.stream.read_to_end(&mut Vec::new()).await;
}
