//! The allocation alone: a body read, the policy asked, nothing sent.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run has nothing to say")]

use std::hint::black_box;
use std::sync::LazyLock;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dps_custom_allocation::allocation::Toasters;
use dps_custom_allocation::log_body::LogBody;
use dps_custom_allocation::policies::{LookedUp, ServedPolicy};
use dps_custom_allocation::{decision, function};

const RECORDED: &str = include_str!("../tests/fixtures/requests/contoso-toaster-007.json");

/// The function with the default policy.
fn run(body: &str) -> function::Run {
    static POLICY: LazyLock<ServedPolicy> = LazyLock::new(|| ServedPolicy::new(Toasters));
    function::run(body, &POLICY, LookedUp::default(), LogBody::Full)
}

fn allocate_recorded(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recorded request");
    group.throughput(Throughput::Bytes(RECORDED.len() as u64));
    group.bench_function("the whole function", |bencher| {
        bencher.iter(|| black_box(run(black_box(RECORDED))));
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
            bencher.iter(|| black_box(run(black_box(body))));
        });
    }
    group.finish();
}

/// What it costs to decide elsewhere than where the request was read.
fn allocate_by_place(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let decide = || run(black_box(RECORDED));
    let mut group = criterion.benchmark_group("the whole function, by place");
    group.bench_function("at once", |bencher| {
        bencher.iter(|| black_box(runtime.block_on(async { decision::at_once(None, decide) })));
    });
    group.bench_function("tokio's blocking threads", |bencher| {
        let under_way = decision::UnderWay::default();
        bencher.iter(|| black_box(runtime.block_on(decision::off_workers(&under_way, None, decide))));
    });
    group.bench_function("a new thread each", |bencher| {
        bencher.iter(|| {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || sender.send(decide()));
            black_box(runtime.block_on(receiver).expect("the thread decides"))
        });
    });
    group.finish();
}

/// The recorded request with so many hubs and a payload of so many bytes.
fn request(hubs: usize, payload: usize) -> String {
    let mut request: serde_json::Value = serde_json::from_str(RECORDED).expect("the request is JSON");
    request["linkedHubs"] = (0..hubs).map(|hub| format!("contoso-hub-{hub}.azure-devices.net")).collect();
    request["deviceRuntimeContext"]["payload"] = serde_json::json!({ "data": "x".repeat(payload) });
    request.to_string()
}

criterion_group!(benches, allocate_recorded, allocate_by_size, allocate_by_place);
criterion_main!(benches);
