//! Look-ups: what each kind costs, and what asking them together costs beyond that. The services are on this machine.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run has nothing to say")]

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;

use criterion::Criterion;
use dps_custom_allocation::lookups::{DEFAULT_TIMEOUT, Lookup, Lookups};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

/// What a request brings, and the look-ups that are asked about it.
struct Case {
    runtime: Runtime,
    values: BTreeMap<String, Vec<Value>>,
    inputs: Map<String, Value>,
}

impl Case {
    fn new() -> Self {
        let runtime = Runtime::new().expect("threads can be started");
        let row = json!({ "hub": "contoso-a", "count": 3, "site": "oslo", "PartitionKey": "devices" });
        let blob = json!(json!(row.to_string()).to_string());
        let inputs = [("row".to_owned(), row), ("blob".to_owned(), blob)].into_iter().collect();
        let values = BTreeMap::from([("look-up".to_owned(), vec![json!("contoso-toaster-007")])]);
        Self { runtime, values, inputs }
    }

    /// Asks `lookup`, which must find something, over and over.
    fn bench(&self, criterion: &mut Criterion, name: &str, lookup: impl Lookup + 'static) {
        let mut lookups = Lookups::new(DEFAULT_TIMEOUT);
        lookups.add("look-up", Box::new(lookup));
        let ask = || async {
            let answers = lookups.ask("contoso-toaster-007", &self.values, Some(&self.inputs)).await;
            assert!(answers.found.expect("it is asked")["look-up"].is_some(), "nothing is found");
        };
        criterion.bench_function(name, |bencher| bencher.iter(|| self.runtime.block_on(black_box(ask()))));
    }
}

fn none(criterion: &mut Criterion) {
    let case = Case::new();
    let lookups = Lookups::new(DEFAULT_TIMEOUT);
    criterion.bench_function("look-up/none", |bencher| {
        bencher.iter(|| case.runtime.block_on(lookups.ask("contoso-toaster-007", &case.values, None)));
    });
}

fn file(criterion: &mut Criterion) {
    use dps_custom_allocation::lookups::File;

    let path = env::temp_dir().join(format!("devices-{}.csv", std::process::id()));
    let mut text = "registrationId,hub,site\n".to_owned();
    for device in 0..100_000 {
        let _ = writeln!(text, "contoso-toaster-{device:03},contoso-a.azure-devices.net,oslo");
    }
    fs::write(&path, text).expect("a file can be written");
    let read = || File::read(&path, "registrationId").expect("the file is right");
    criterion.bench_function("look-up/file, reading 100,000 rows", |bencher| bencher.iter(read));
    Case::new().bench(criterion, "look-up/file, 100,000 rows", read());
    let _ = fs::remove_file(&path);
}

fn input(criterion: &mut Criterion) {
    use dps_custom_allocation::lookups::Input;

    Case::new().bench(criterion, "look-up/input, a row", Input::new("row"));
    Case::new().bench(criterion, "look-up/input, a blob", Input::new("blob"));
}

fn http(criterion: &mut Criterion) {
    use dps_custom_allocation::lookups::{Client, Credential, Http, Network};
    use warp::Filter as _;

    let case = Case::new();
    let service = warp::path!("devices" / String).map(|id| format!(r#"{{"hub":"contoso-a","id":"{id}"}}"#));
    let listener =
        case.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let url = format!("http://{}/devices/", listener.local_addr().expect("it has an address"));
    case.runtime.spawn(warp::serve(service).incoming(listener).run());
    let network = Network::new(|name| env::var(name)).expect("the settings are right");
    let client = Client::new(&network);
    let lookup = Http::new(vec![url, String::new()], Credential::None, client).expect("the URL is right");
    case.bench(criterion, "look-up/http", lookup);
}

/// At the server of `BENCH_POSTGRESQL_URL`, when there is one.
#[cfg(feature = "sql")]
fn sql(criterion: &mut Criterion) {
    use dps_custom_allocation::lookups::{Network, Sql};

    let Ok(url) = env::var("BENCH_POSTGRESQL_URL") else { return };
    let network = Network::new(|name| env::var(name)).expect("the settings are right");
    let query = "select $1 as id, 'contoso-a' as hub";
    let lookup = Sql::new("BENCH_POSTGRESQL_URL", &url, query, 1, &network).expect("the look-up is right");
    Case::new().bench(criterion, "look-up/sql", lookup);
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    none(&mut criterion);
    file(&mut criterion);
    input(&mut criterion);
    http(&mut criterion);
    #[cfg(feature = "sql")]
    sql(&mut criterion);
    criterion.final_summary();
}
