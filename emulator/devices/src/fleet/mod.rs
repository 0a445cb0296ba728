//! Many simulated devices that register at once, and the outcome.

mod report;

use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use symmetric_key::SymmetricKey;
use tokio::task::JoinSet;

pub use self::report::Report;
use crate::device::Device;
use crate::endpoint::Endpoint;

/// The devices of one enrollment group, and how many register at a time.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// How many devices there are.
    pub count: usize,
    /// How many of them register at the same time, at most.
    pub concurrency: usize,
    /// Their registration ids, with `{}` in place of the number of each.
    pub id_pattern: String,
    /// The id scope of their DPS instance.
    pub id_scope: String,
    /// Their enrollment group's key.
    pub group_key: SymmetricKey,
    /// The custom payload that each of them sends.
    pub payload: Option<Box<RawValue>>,
    /// How long each of them may take.
    pub limit: Duration,
}

impl Fleet {
    /// Registers each device once, over a connection of its own. Each outcome is added to `report` as it comes,
    /// followed by a call of `ended`: dropping the future, which ends the registrations under way, leaves a report
    /// on those that had ended.
    pub async fn register(&self, endpoint: &Endpoint, report: &mut Report, mut ended: impl FnMut()) {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        let mut numbers = 1..=self.count;
        loop {
            while running.len() < self.concurrency.max(1) {
                let Some(number) = numbers.next() else { break };
                let registration_id = self.registration_id(number);
                let device = Device {
                    id_scope: self.id_scope.clone(),
                    key: self.group_key.derive(&registration_id),
                    registration_id,
                    payload: self.payload.clone(),
                };
                let (endpoint, limit) = (endpoint.clone(), self.limit);
                running.spawn(async move {
                    let begun = Instant::now();
                    let outcome = device.register(&endpoint, limit, |_| {}).await;
                    (outcome, begun.elapsed())
                });
            }
            match running.join_next().await {
                Some(Ok((outcome, took))) => report.add(outcome, took),
                // The task panicked.
                Some(Err(_)) => report.lost += 1,
                None => return,
            }
            report.elapsed = begun.elapsed();
            ended();
        }
    }

    /// The registration id of device `number`, numbers padded to the same length.
    #[must_use]
    pub fn registration_id(&self, number: usize) -> String {
        let width = self.count.to_string().len();
        self.id_pattern.replace("{}", &format!("{number:0width$}"))
    }
}
