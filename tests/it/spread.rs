use dps_custom_allocation::allocation::hubs;
use dps_custom_allocation::allocation::spread::spread;
use dps_custom_allocation::webhook::AllocationRequest;
use proptest::prelude::*;
use serde_json::json;

#[path = "../../examples/spread.rs"]
#[allow(dead_code, reason = "its `main`")]
mod plot;

/// The weight of each hub, and a name for it.
fn weighted_hubs() -> impl Strategy<Value = Vec<(String, f64)>> {
    let weight = prop_oneof![Just(0.0), Just(1.0), 0.001..1000.0];
    proptest::collection::btree_map("[a-z]{1,3}", weight, 0..8).prop_map(|hubs| hubs.into_iter().collect())
}

/// The name of the hub that is chosen.
fn chosen<'a>(hubs: &'a [(String, f64)], registration_id: &str) -> Option<&'a str> {
    let names: Vec<&str> = hubs.iter().map(|(name, _)| name.as_str()).collect();
    spread(&names, |hub| hubs[hub].1, registration_id).map(|hub| names[hub])
}

proptest! {
    #[test]
    fn the_order_of_the_hubs_does_not_matter(hubs in weighted_hubs(), id: String, by in 0..8_usize) {
        let mut turned = hubs.clone();
        turned.rotate_left(by.min(hubs.len()));
        prop_assert_eq!(chosen(&hubs, &id), chosen(&turned, &id));
        turned.reverse();
        prop_assert_eq!(chosen(&hubs, &id), chosen(&turned, &id));
    }

    #[test]
    fn a_hub_that_is_added_takes_devices_from_others_and_moves_none_between_them(
        hubs in weighted_hubs(), weight in 0.0..1000.0, id: String,
    ) {
        let before = chosen(&hubs, &id);
        let mut more = hubs.clone();
        more.push(("added".to_owned(), weight));
        let after = chosen(&more, &id);
        prop_assert!(after == before || after == Some("added"), "{:?} {:?}", before, after);
    }

    #[test]
    fn a_hub_that_is_removed_moves_its_own_devices_alone(hubs in weighted_hubs(), id: String, at: proptest::sample::Index) {
        prop_assume!(!hubs.is_empty());
        let before = chosen(&hubs, &id);
        let mut fewer = hubs.clone();
        let (removed, _) = fewer.remove(at.index(hubs.len()));
        if before != Some(&removed) {
            prop_assert_eq!(chosen(&fewer, &id), before);
        }
    }

    #[test]
    fn a_hub_that_gains_weight_takes_devices_and_gives_none(
        hubs in weighted_hubs(), more in 1.0..100.0, id: String, at: proptest::sample::Index,
    ) {
        prop_assume!(!hubs.is_empty());
        let before = chosen(&hubs, &id);
        let mut heavier = hubs.clone();
        let hub = &mut heavier[at.index(hubs.len())];
        hub.1 *= more;
        let name = hub.0.clone();
        let after = chosen(&heavier, &id);
        prop_assert!(after == before || after == Some(&name), "{:?} {:?}", before, after);
    }

    #[test]
    fn a_hub_is_chosen_if_one_has_weight_and_then_never_one_without(hubs in weighted_hubs(), id: String) {
        match chosen(&hubs, &id) {
            None => prop_assert!(hubs.iter().all(|(_, weight)| *weight == 0.0)),
            Some(name) => prop_assert!(hubs.iter().any(|(hub, weight)| hub == name && *weight > 0.0)),
        }
    }

    #[test]
    fn a_hub_listed_twice_counts_once(hubs in weighted_hubs(), id: String, at: proptest::sample::Index) {
        prop_assume!(!hubs.is_empty());
        let mut twice = hubs.clone();
        twice.push(hubs[at.index(hubs.len())].clone());
        prop_assert_eq!(chosen(&twice, &id), chosen(&hubs, &id));
    }

    #[test]
    fn letters_in_another_case_are_the_same_letters(hubs in weighted_hubs(), id in "[a-zA-Z0-9._:-]{0,20}") {
        let upper: Vec<_> = hubs.iter().map(|(name, weight)| (name.to_ascii_uppercase(), *weight)).collect();
        let lower = chosen(&hubs, &id).map(str::to_owned);
        prop_assert_eq!(chosen(&upper, &id.to_ascii_uppercase()).map(str::to_ascii_lowercase), lower);
    }
}

#[test]
fn a_weight_that_is_no_weight_is_0() {
    let chosen = |weights: [f64; 3]| spread(&["a", "b", "c"], |hub| weights[hub], "device");
    for none in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(chosen([none, 1e-300, none]), Some(1), "{none}");
        assert_eq!(chosen([none; 3]), None, "{none}");
    }
    assert_eq!(spread(&[], |_| 1.0, "device"), None);
    assert_eq!(spread(&[""], |_| f64::MAX, ""), Some(0));
}

/// 100,000 ids, and a tolerance of five standard deviations: too much or too little is a defect.
#[test]
fn shares_are_as_the_weights() {
    let names = ["a", "b", "c", "d"];
    for weights in [[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0], [0.5, 0.0, 0.001, 100.0]] {
        let mut counts = [0_u32; 4];
        for n in 0..100_000 {
            counts[spread(&names, |hub| weights[hub], &format!("device-{n}")).unwrap()] += 1;
        }
        for (count, weight) in counts.into_iter().zip(weights) {
            let share = weight / weights.iter().sum::<f64>();
            let deviation = (100_000.0 * share * (1.0 - share)).sqrt();
            assert!(
                f64::from(count).mul_add(1.0, -100_000.0 * share).abs() <= 5.0 * deviation,
                "{weights:?} {counts:?}"
            );
        }
    }
}

#[test]
fn the_plot_in_the_docs_is_what_is_measured() {
    let svg = include_str!("../../docs/spread.svg");
    assert!(svg == plot::svg(), "run: cargo run --example spread > docs/spread.svg");
}

#[test]
fn hubs_are_found_by_name_by_part_and_by_assignment() {
    let body = json!({
        "deviceRuntimeContext": { "registrationId": "r", "currentIotHubHostName": "Contoso-B.azure-devices.net" },
        "linkedHubs": ["contoso-a.azure-devices.net", "contoso-b.azure-devices.net", "contoso-bb.azure-devices.net"],
    })
    .to_string();
    let request = AllocationRequest::parse(&body).unwrap();
    let linked = request.linked_hubs().unwrap().unwrap();
    for (name, found) in [
        ("contoso-a", Some("contoso-a.azure-devices.net")),
        ("Contoso-A", Some("contoso-a.azure-devices.net")),
        ("contoso-b.azure-devices.net", Some("contoso-b.azure-devices.net")),
        ("CONTOSO-BB.AZURE-DEVICES.NET", Some("contoso-bb.azure-devices.net")),
        ("contoso", None),
        ("contoso-a.azure", None),
        ("contoso-a.", None),
        ("", None),
    ] {
        assert_eq!(hubs::named(&linked, name).as_deref(), found, "{name}");
    }
    for (part, found) in [
        ("-b", Some("contoso-b.azure-devices.net")),
        ("-BB.", Some("contoso-bb.azure-devices.net")),
        ("", Some("contoso-a.azure-devices.net")),
        ("-c", None),
    ] {
        assert_eq!(hubs::containing(&linked, part).as_deref(), found, "{part}");
    }
    assert_eq!(hubs::current(&linked, &request).unwrap().as_deref(), Some("contoso-b.azure-devices.net"));
    assert_eq!(hubs::current(&linked[..1], &request).unwrap(), None);
    let only_a = |hub: &str| f64::from(u8::from(hub.contains("-a.")));
    let first = hubs::spread(&linked, only_a, "r");
    assert_eq!(first.as_deref(), Some("contoso-a.azure-devices.net"));
    assert_eq!(hubs::spread(&[], |_| 1.0, "r"), None);

    let body =
        r#"{"deviceRuntimeContext":{"registrationId":"r","currentIotHubHostName":{}},"linkedHubs":["h"]}"#;
    let request = AllocationRequest::parse(body).unwrap();
    let error = hubs::current(&linked, &request).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "The request body has the wrong type at deviceRuntimeContext.currentIotHubHostName: "
        )
    );
    let first_time = AllocationRequest::parse("{}").unwrap();
    assert_eq!(hubs::current(&linked, &first_time).unwrap(), None);
}
