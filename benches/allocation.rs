//! The allocation alone: a body read, the policy asked, nothing sent.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run has nothing to say")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dps_custom_allocation::allocation::{Notes, allocate};
use dps_custom_allocation::function::http_trigger1;
use dps_custom_allocation::webhook::AllocationRequest;

const RECORDED: &str = include_str!("../tests/fixtures/requests/contoso-toaster-007.json");

fn allocate_recorded(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recorded request");
    group.throughput(Throughput::Bytes(RECORDED.len() as u64));
    group.bench_function("parse and allocate", |bencher| {
        bencher.iter(|| {
            let request = AllocationRequest::parse(black_box(RECORDED)).expect("the request is well-formed");
            let mut notes = Notes::default();
            let response = allocate(&request, &mut notes).expect("a toaster is assigned");
            black_box((response, notes));
        });
    });
    group.bench_function("the whole function", |bencher| {
        bencher.iter(|| black_box(http_trigger1(black_box(RECORDED), allocate)));
    });
    group.finish();
}

fn allocate_by_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("the whole function, by size");
    for (hubs, payload_kb) in [(1, 1), (50, 1), (1000, 1), (1, 10), (1, 96)] {
        let body = request(hubs, payload_kb * 1024);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let name = BenchmarkId::from_parameter(format!("{hubs} hubs, {payload_kb} KB payload"));
        group.bench_with_input(name, &body, |bencher, body| {
            bencher.iter(|| black_box(http_trigger1(black_box(body), allocate)));
        });
    }
    group.finish();
}

/// The recorded request with so many hubs and a payload of so many bytes.
fn request(hubs: usize, payload: usize) -> String {
    let mut request: serde_json::Value = serde_json::from_str(RECORDED).expect("the request is JSON");
    request["linkedHubs"] = (0..hubs).map(|hub| format!("contoso-hub-{hub}.azure-devices.net")).collect();
    request["deviceRuntimeContext"]["payload"] = serde_json::json!({ "data": "x".repeat(payload) });
    request.to_string()
}

criterion_group!(benches, allocate_recorded, allocate_by_size);
criterion_main!(benches);
