//! The policy that is written in a file: 20 rules on the recorded request, within 10 µs.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run has nothing to say")]

use std::hint::black_box;
use std::time::UNIX_EPOCH;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dps_custom_allocation::allocation::rules::Rules;
use dps_custom_allocation::allocation::{Case, Found, Notes, Policy, PolicySettings};
use dps_custom_allocation::webhook::AllocationRequest;
use serde_json::{Value, json};

const RECORDED: &str = include_str!("../tests/fixtures/requests/contoso-toaster-007.json");

/// Conditions as people write them. None holds for the recorded request.
const CONDITIONS: [&str; 10] = [
    r#"registrationId.startsWith("fabrikam-")"#,
    r#"registrationId.contains("heatpump") && linkedHubs.size() > 0"#,
    r#"has(payload.division) && payload.division == "heatpumps""#,
    r#"payload.MyDeviceFirmwareVersion < "12.0.0""#,
    r#"settings.MAINTENANCE == "on""#,
    r#"currentHub != null && currentHub in linkedHubs"#,
    r#"registrationId.matches("^[a-z]+-fridge-[0-9]+$")"#,
    r#"device != null && device.status == "retired""#,
    r#"has(enrollment.tags) || enrollment.enrollmentGroupId == "fabrikam""#,
    r#"linkedHubs.exists(h, h.contains("-fridges-"))"#,
];

fn rules(count: usize) -> Rules {
    let mut file = "lookups: { device: { file: devices.csv, key: registrationId } }\nrules:\n".to_owned();
    for condition in CONDITIONS.iter().cycle().take(count - 1) {
        file.push_str(&format!("  - when: '{condition}'\n    refuse: No.\n"));
    }
    file.push_str("  - when: registrationId.contains(\"contoso-toaster\")\n    hub: linkedHubs[0]\n");
    Rules::parse(&file).expect("the rules are right")
}

fn decide(rules: &Rules, found: &Found, settings: &PolicySettings, body: &str) {
    let request = AllocationRequest::parse(body).expect("the request is well-formed");
    let mut notes = Notes::default();
    let case = Case { request: &request, body, found, settings, now: UNIX_EPOCH };
    black_box(rules.allocate(&case, &mut notes).expect("a toaster is assigned"));
    black_box(notes);
}

fn by_rules(criterion: &mut Criterion) {
    let device = json!({ "registrationId": "contoso-toaster-007", "status": "active", "site": "Munich" });
    let found = Found::from([("device".to_owned(), device.as_object().cloned())]);
    let settings = PolicySettings::new();
    let mut group = criterion.benchmark_group("recorded request, parsed and decided");
    for count in [1, 5, 20] {
        let rules = rules(count);
        group.bench_function(BenchmarkId::from_parameter(format!("{count} rules")), |bencher| {
            bencher.iter(|| decide(&rules, &found, &settings, black_box(RECORDED)));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("payload of 96 KB");
    let mut body: Value = serde_json::from_str(RECORDED).expect("the request is JSON");
    body["deviceRuntimeContext"]["payload"] = (0..8 * 1024).map(|_| json!({ "a": 12 })).collect();
    let body = body.to_string();
    let used = Rules::parse("rules:\n  - when: payload.size() > 5\n    hub: linkedHubs[0]\n").expect("right");
    group.bench_function("unused", |bencher| {
        let rules = rules(1);
        bencher.iter(|| decide(&rules, &found, &settings, black_box(&body)));
    });
    group.bench_function("unused, parsed alone", |bencher| {
        bencher.iter(|| black_box(AllocationRequest::parse(black_box(&body)).is_ok()));
    });
    group.bench_function("used", |bencher| {
        bencher.iter(|| decide(&used, &found, &settings, black_box(&body)));
    });
    group.finish();
}

criterion_group!(benches, by_rules);
criterion_main!(benches);
