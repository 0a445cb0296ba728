//! Start and stop: the addresses and ports that are listened on, and what is left behind.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use journal::Journal;
use provisioning_service::{Dps, DpsOptions};
use rustls::version::TLS13;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::server::{DEADLINE, Device, Stage, options, shake};

#[tokio::test]
async fn localhost_is_both_loopback_addresses_at_one_port() {
    let stage = Stage::start().await;
    let ca = stage.dps.ca_certificate();
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    for mut address in [stage.dps.mqtt_address(), stage.dps.https_address()] {
        assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
        shake(address, ca, "localhost", &[&TLS13]).await.unwrap();
        address.set_ip(Ipv6Addr::LOCALHOST.into());
        assert_eq!(shake(address, ca, "localhost", &[&TLS13]).await.is_ok(), has_ipv6);
    }
    // A device registers there as well.
    if has_ipv6 {
        let address = (Ipv6Addr::LOCALHOST, stage.dps.mqtt_address().port()).into();
        let mut device = Device::connect(address, ca, rustls::ALL_VERSIONS).await;
        device.enter("dev1").await;
        assert_eq!(device.register("1", "").await.body["status"], "assigning");
    }
    // Any other address is listened on alone.
    let other = Stage::with(|options| options.address = Ipv4Addr::new(127, 0, 0, 78).into()).await;
    let port = other.dps.mqtt_address().port();
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.is_err());
}

#[tokio::test]
async fn assignments_outlive_a_restart() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    let answer = device.register("1", "").await;
    let operation_id = answer.body["operationId"].as_str().unwrap().to_owned();
    let assigned = device.settle(&operation_id).await;
    assert_eq!(assigned.body["status"], "assigned", "{assigned:?}");
    stage.dps.stop().await;

    let again = options(stage.state.path(), stage.webhook.address);
    let dps = Dps::start(again, Journal::new(|_| ())).await.unwrap();
    let mut device = Device::connect(dps.mqtt_address(), dps.ca_certificate(), rustls::ALL_VERSIONS).await;
    device.enter("dev1").await;
    let answer = device.settle(&operation_id).await;
    assert_eq!(answer.body, assigned.body);
    let answer = device.register("2", "").await;
    device.settle(answer.body["operationId"].as_str().unwrap()).await;
    let calls = stage.webhook.calls();
    assert!(!calls[0].contains("currentIotHubHostName"), "{calls:?}");
    assert!(
        calls[1].contains(r#""currentIotHubHostName":"contoso-toasters-hub-1098.azure-devices.net""#),
        "{calls:?}"
    );
    dps.stop().await;
}

#[tokio::test]
async fn a_stop_ends_everything_within_two_seconds_and_frees_the_ports() {
    // A busy machine can only add to the time: one stop in three shows how long it takes.
    let mut took = Vec::new();
    while took.iter().all(|took| *took >= Duration::from_secs(2)) {
        assert!(took.len() < 3, "{took:?}");
        took.push(stop_in_full_use().await);
    }
}

/// Stops a service in full use, and checks that nothing of it is left; how long the stop took.
async fn stop_in_full_use() -> Duration {
    // An address of its own: the ports that are freed are not given to the tests beside this one.
    let stage = Stage::with(|options| options.address = "127.0.0.77".parse().unwrap()).await;
    stage.webhook.hold();
    let (mqtt, https) = (stage.dps.mqtt_address(), stage.dps.https_address());
    let mut busy = stage.mqtt().await;
    busy.enter("dev1").await;
    busy.register("1", "").await;
    let mut silent = stage.mqtt().await;
    let mut idle = stage.https().await;
    idle.send(b"PUT /x/registr").await;
    let mut half_open = TcpStream::connect(mqtt).await.unwrap();
    let start = Instant::now();
    stage.dps.stop().await;
    let took = start.elapsed();
    for device in [&mut busy, &mut silent, &mut idle] {
        device.expect_end().await;
    }
    let _ = timeout(DEADLINE, half_open.read_to_end(&mut Vec::new())).await.expect("the end");
    for address in [mqtt, https] {
        assert!(TcpStream::connect(address).await.is_err(), "{address} still listens");
        std::net::TcpListener::bind(address).unwrap();
    }
    took
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_the_other_one_not_kept() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let state = tempfile::tempdir().unwrap();
    let clash =
        |options: DpsOptions| DpsOptions { https_ports: vec![taken.local_addr().unwrap().port()], ..options };
    let options = clash(options(state.path(), "127.0.0.1:9".parse().unwrap()));
    let error = Dps::start(options, Journal::new(|_| ())).await.unwrap_err();
    let (text, address) = (error.to_string(), taken.local_addr().unwrap());
    assert!(text.starts_with(&format!("cannot listen on {address} for HTTPS: ")), "{text}");
    assert!(text.contains("is another emulator"), "{text}");
    assert!(text.contains("--https-port sets another port"), "{text}");
}

#[tokio::test]
async fn a_port_for_mqtt_that_is_taken_names_its_flag() {
    let state = tempfile::tempdir().unwrap();
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let mut taken = vec![std::net::TcpListener::bind("127.0.0.1:0").unwrap()];
    // At ::1 alone as well.
    taken.extend(std::net::TcpListener::bind("[::1]:0"));
    for taken in &taken {
        let address = taken.local_addr().unwrap();
        let options = DpsOptions { mqtt_port: address.port(), ..options(state.path(), nowhere) };
        let text = Dps::start(options, Journal::new(|_| ())).await.unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot listen on {address} for MQTT: ")), "{text}");
        assert!(
            text.ends_with("(is another emulator or MQTT broker running? --mqtt-port sets another port)"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn https_takes_the_first_port_that_can_be_had_and_says_why_it_is_not_the_first() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let stage = Stage::with(|options| options.https_ports = vec![port, 0]).await;
    let listening = stage.dps.https_address().port();
    assert_ne!(listening, port);
    shake(stage.dps.https_address(), stage.dps.ca_certificate(), "localhost", &[&TLS13]).await.unwrap();
    let clients = "; the SDKs for C and Node connect to 443 only\n";
    let line = format!("[Information] HTTPS listens at {listening}: {port} is in use{clients}");
    assert!(stage.whole_log().contains(&line), "{}", stage.whole_log());
    // Where ports below 1024 need privileges and the tests have none.
    let privileged = std::net::TcpListener::bind("127.0.0.1:443").err();
    if privileged.is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) {
        let stage = Stage::with(|options| options.https_ports = vec![443, 0]).await;
        let listening = stage.dps.https_address().port();
        let line = format!(
            "[Information] HTTPS listens at {listening}: 443 needs privileges (on Linux: sudo sysctl \
             net.ipv4.ip_unprivileged_port_start=443){clients}"
        );
        assert!(stage.whole_log().contains(&line), "{}", stage.whole_log());
    }
    // The first one can be had: nothing is said.
    let stage = Stage::with(|options| options.https_ports = vec![0, port]).await;
    assert_eq!(stage.lines(&["HTTPS listens at"]), 0, "{}", stage.whole_log());
}

#[tokio::test]
async fn a_dropped_stand_in_stops_as_well() {
    let stage = Stage::start().await;
    let mut device = stage.mqtt().await;
    device.enter("dev1").await;
    drop(stage);
    device.expect_end().await;
}
