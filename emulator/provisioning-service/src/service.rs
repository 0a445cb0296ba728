//! What the provisioning service does for a device, whatever its protocol: attestation, allocation, record, answer.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use journal::Journal;

use crate::allocation::Allocator;
use crate::answer::Answer;
use crate::attestation::{self, Match, NO_TOKEN};
use crate::enrollments::configuration::Config;
use crate::enrollments::stamps::Stamps;
use crate::quoted::quoted;
use crate::registration::attempt::Attempt;
use crate::registration::operations::{Opened, Operations};
use crate::registration::record::{Failure, RegistrationState, Status};
use crate::registration::request::RegistrationRequest;
use crate::registration_id::{fold, is_id};
use crate::stamp;
use crate::store::{Store, StoreError};
use crate::webhook::WebhookOptions;

/// Devices whose keys are tried to say whose key a refused device has.
const OTHERS: usize = 1_000;

/// Enrollments that are listed in the log at the start.
const LISTED: usize = 20;

/// A device whose credential was accepted.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its registration id, as the device typed it.
    pub registration_id: String,
    matched: Match,
}

/// How the service behaves where the real one is either documented with a number or not documented at all.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// Seconds a device is asked to wait before it polls: 3, as the real service says. The Java SDK heeds
    /// 2 to 5 only.
    pub retry_after: u64,
    /// How many polls of an operation are answered "assigning", however soon it is decided. 1, so that
    /// devices see what they see of the real service, which is never done by the first poll.
    pub assigning_polls: u32,
    /// How webhooks are called.
    pub webhook: WebhookOptions,
    /// Bytes that the body of a registration may have: 96 KiB, the service's limit for a message.
    pub body_limit: usize,
    /// Registrations in a minute; more are answered 429. `None`: as many as come. The real quota is 1,000:
    /// <https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits>.
    pub quota: Option<NonZeroU32>,
}

/// The provisioning service: enrollments, registrations, operations.
#[derive(Debug)]
pub struct Service {
    config: Config,
    options: ServiceOptions,
    allocator: Allocator,
    operations: Operations,
    quota: Option<DefaultDirectRateLimiter>,
    store: Store,
    journal: Journal,
}

impl Service {
    /// A service with the enrollments of `config`, the earlier registrations of `store`, and a log in
    /// `journal`, in which every line about a device begins with its registration id.
    ///
    /// # Errors
    ///
    /// The store cannot be read or written.
    pub fn new(
        mut config: Config,
        options: ServiceOptions,
        store: Store,
        journal: Journal,
    ) -> Result<Arc<Self>, StoreError> {
        stamp_all(&mut config, &store)?;
        let hubs: Vec<&str> = config.hubs.iter().map(|hub| hub.name.as_str()).collect();
        journal.info(format!("id scope {}, linked hubs {}", config.id_scope, hubs.join(", ")));
        let count = config.enrollments.all().count();
        if count > LISTED {
            journal.info(format!("{count} enrollments, of which the first {LISTED} are:"));
        }
        for enrollment in config.enrollments.all().take(LISTED) {
            let disabled = if enrollment.enabled { "" } else { "disabled, " };
            journal.info(format!("{enrollment}: {disabled}{}", enrollment.policy));
        }
        for warning in &config.warnings {
            journal.warn(format!("configuration: {warning}"));
        }
        let allocator = Allocator::new(&config.enrollments, &options.webhook, &journal);
        let quota = options.quota.map(|registrations| RateLimiter::direct(Quota::per_minute(registrations)));
        let operations = Operations::default();
        Ok(Arc::new(Self { config, options, allocator, operations, quota, store, journal }))
    }

    /// Checks a device's credential. `id_scope` and `registration_id` are those of the MQTT username, as they
    /// stand there, or of the HTTPS path, percent-decoded; `sas` is the MQTT password or the `Authorization`
    /// header.
    ///
    /// # Errors
    ///
    /// The answer for the device, 401002 whatever the reason; the reason is in the journal already.
    pub fn authenticate(
        &self,
        id_scope: &str,
        registration_id: &str,
        sas: Option<&str>,
    ) -> Result<Device, Answer> {
        let Config { enrollments, id_scope: served, .. } = &self.config;
        let others = || self.store.ids(OTHERS / enrollments.groups().len().max(1)).unwrap_or_default();
        let attested = attestation::attest(enrollments, served, id_scope, registration_id, sas, others);
        let matched = attested.map_err(|reason| {
            let id = match registration_id {
                "" => "(no registration id)".to_owned(),
                id if is_id(id) => id.to_owned(),
                other => quoted(other),
            };
            self.journal.warn(format!("{id}: refused: {reason}"));
            if reason == NO_TOKEN { Answer::error(401, 401_002, NO_TOKEN) } else { Answer::unauthorized() }
        })?;
        Ok(Device { registration_id: registration_id.to_owned(), matched })
    }

    /// Begins a registration: `PUT …/register`, `iotdps-register`. `body` is what the device sent: nothing,
    /// blanks, or a JSON object. Answers 202 at once and allocates in the background. A device that repeats its request
    /// meanwhile is given the same operation; with another payload it begins again.
    ///
    /// # Panics
    ///
    /// Must be called within a Tokio runtime.
    pub fn register(self: &Arc<Self>, device: &Device, body: &[u8]) -> Answer {
        let id = &device.registration_id;
        let Match { enrollment, key } = &device.matched;
        self.journal.info(format!("{id}: matches the {enrollment}, by its {key}"));
        let request = match self.read_request(device, body) {
            Ok(request) => request,
            Err(answer) => return answer,
        };
        if let Some(Err(early)) = self.quota.as_ref().map(|quota| quota.check()) {
            self.journal.warn(format!("{id}: throttled: the quota of this minute is used up"));
            return Answer::throttled(early.wait_time_from(DefaultClock::default().now()).as_secs() + 1);
        }
        let previous = match self.store.registration(id) {
            Ok(previous) => previous,
            Err(error) => return self.broken(id, &error),
        };
        let (operation_id, created) = (stamp::operation_id(), stamp::now());
        let enrollment = Arc::clone(enrollment);
        self.begin(
            Attempt { enrollment, registration_id: id.clone(), operation_id, created, previous },
            request,
        )
    }

    /// How an operation stands: `GET …/operations/{id}`, `iotdps-get-operationstatus`. 202 while it is
    /// under way, then 200, whether the device is assigned or refused.
    pub fn operation_status(&self, device: &Device, operation_id: &str) -> Answer {
        let id = &device.registration_id;
        if let Some(state) = self.operations.poll(&fold(id), operation_id) {
            return Answer::operation(operation_id, &state, self.options.retry_after);
        }
        match self.store.registration(id) {
            Ok(Some(kept)) if kept.operation_id == operation_id => {
                Answer::operation(operation_id, &kept.state, self.options.retry_after)
            }
            Ok(_) => {
                let operation_id = quoted(operation_id);
                self.journal.warn(format!("{id}: asks for the unknown operation {operation_id}"));
                Answer::not_found("The operation does not exist, or has expired.")
            }
            Err(error) => self.broken(id, &error),
        }
    }

    /// The device's registration as it stands: `POST …/registrations/{id}`, with the body of a registration.
    pub fn lookup(&self, device: &Device, body: &[u8]) -> Answer {
        let id = &device.registration_id;
        if let Err(answer) = self.read_request(device, body) {
            return answer;
        }
        if let Some(state) = self.operations.newest(&fold(id)) {
            return Answer::json(200, None, &*state);
        }
        match self.store.registration(id) {
            Ok(Some(kept)) => Answer::json(200, None, &kept.state),
            Ok(None) => {
                self.journal.info(format!("{id}: asks for its registration, but is not registered"));
                Answer::not_found("The device is not registered.")
            }
            Err(error) => self.broken(id, &error),
        }
    }

    /// Stops the registrations under way. What was acknowledged is kept already.
    pub fn stop(&self) {
        self.operations.stop();
    }

    fn read_request(&self, device: &Device, body: &[u8]) -> Result<RegistrationRequest, Answer> {
        let id = &device.registration_id;
        let limit = self.options.body_limit;
        if body.len() > limit {
            let found = body.len();
            self.journal
                .warn(format!("{id}: refused: expected a body of at most {limit} bytes, found {found}"));
            return Err(Answer::too_large(limit));
        }
        RegistrationRequest::parse(body, id).map_err(|problem| {
            self.journal.warn(format!("{id}: refused: {problem}"));
            Answer::bad_request(problem)
        })
    }

    /// Opens an operation for `attempt` and has it worked on.
    fn begin(self: &Arc<Self>, attempt: Attempt, request: RegistrationRequest) -> Answer {
        let Attempt { registration_id: id, operation_id, enrollment, .. } = &attempt;
        let (device, retry_after) = (fold(id), self.options.retry_after);
        let assigning = attempt.assigning();
        let (polls, payload) = (self.options.assigning_polls, request.payload.as_ref().map(|raw| raw.get()));
        match self.operations.open(&device, operation_id, payload, polls, assigning) {
            Opened::New => {}
            Opened::Newer => self.journal.warn(format!(
                "{id}: registers again with another payload: its earlier operations end as this one does"
            )),
            Opened::Same(earlier) => {
                self.journal
                    .info(format!("{id}: registers again while it registers: joins operation {earlier}"));
                return Answer::accepted(&earlier, retry_after);
            }
            Opened::TooMany => {
                self.journal.error(format!("{id}: throttled: too many registrations are under way"));
                return Answer::throttled(retry_after);
            }
        }
        let answer = Answer::accepted(operation_id, retry_after);
        if !enrollment.enabled {
            self.journal.warn(format!("{id}: disabled, as the {enrollment} is"));
            self.operations.decide(&device, operation_id, attempt.state(Status::Disabled));
            return answer;
        }
        let before = match attempt.current_hub() {
            Some(hub) => format!("so far on {hub}"),
            None => "for the first time".to_owned(),
        };
        self.journal.info(format!("{id}: registers by the {enrollment}, {before}, operation {operation_id}"));

        let (service, operation_id) = (Arc::clone(self), operation_id.clone());
        let task = tokio::spawn(async move {
            let state = service.decide(&attempt, &request).await;
            service.operations.decide(&fold(&attempt.registration_id), &attempt.operation_id, state);
        });
        self.operations.attach(&device, &operation_id, task.abort_handle());
        answer
    }

    /// Allocates the device of `attempt` and keeps what came of it: its state from now on.
    async fn decide(&self, attempt: &Attempt, request: &RegistrationRequest) -> RegistrationState {
        let id = &attempt.registration_id;
        let failure = match self.allocator.allocate(attempt, request.payload.as_deref()).await {
            Ok(allocated) => {
                let hub = allocated.hub.clone();
                let registration = attempt.assigned(allocated);
                let state = registration.state.clone();
                match self.store.put(registration).await {
                    Ok(()) => {
                        let device_id = state.device_id.as_deref().unwrap_or(id);
                        let substatus =
                            state.substatus.map_or_else(String::new, |substatus| substatus.to_string());
                        self.journal.info(format!("{id}: assigned to {hub} as {device_id} ({substatus})"));
                        return state;
                    }
                    Err(error) => Failure { code: 500_000, message: error.to_string() },
                }
            }
            Err(failure) => failure,
        };
        self.journal.error(format!("{id}: failed: {} {}", failure.code, failure.message));
        attempt.failed(failure)
    }

    /// The store cannot be read.
    fn broken(&self, id: &str, error: &StoreError) -> Answer {
        self.journal.error(format!("{id}: {error}"));
        Answer::error(500, 500_000, "The registrations cannot be read.")
    }
}

/// Gives the records of all enrollments the stamps that their file does not.
fn stamp_all(config: &mut Config, store: &Store) -> Result<(), StoreError> {
    let now = stamp::now();
    let mut all = BTreeMap::new();
    for enrollment in config.enrollments.all_mut() {
        let name = enrollment.to_string();
        let stamps = Stamps::new(&enrollment.record, store.stamps(&name)?, &now);
        stamps.fill(&mut enrollment.record);
        all.insert(name, stamps);
    }
    store.put_stamps(&all)
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            retry_after: 3,
            assigning_polls: 1,
            webhook: WebhookOptions::default(),
            body_limit: 96 * 1024,
            quota: None,
        }
    }
}
