//! What the provisioning service does for a device, whatever its protocol.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::allocation::Allocator;
use crate::attestation::matching;
use crate::attestation::sas_token::{SasRefusal, SasToken};
use crate::enrollments::enrollment::Enrollment;
use crate::quoted::quoted;
use crate::registration::operations::{Opened, Operations};
use crate::registration::quota::Throttle;
use crate::registration::record::{Attempt, Failure, RegistrationState};
use crate::registration::request::RegistrationRequest;
use crate::registration_id::{self, fold};
use crate::{Answer, Config, Store, WebhookOptions, stamp};
use journal::Journal;

/// A device whose credential was accepted.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its registration id, as the device typed it.
    pub registration_id: String,
    enrollment: Arc<Enrollment>,
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
    /// Registrations in a minute; more are answered 429. `None`: as many as come. The real quota is 1,000.
    pub quota: Option<u32>,
    /// Devices that can be assigned: 1,000,000, as in one instance of the service.
    pub device_limit: usize,
}

/// The provisioning service: enrollments, registrations, operations.
#[derive(Debug)]
pub struct Service {
    config: Config,
    options: ServiceOptions,
    allocator: Allocator,
    operations: Operations,
    throttle: Throttle,
    store: Store,
    journal: Journal,
}

/// The body of an answer to a registration or poll.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationStatus<'a> {
    operation_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_state: Option<&'a RegistrationState>,
}

// === impl Service ===

impl Service {
    /// A service with the enrollments of `config`, the earlier assignments of `store`, and a log in
    /// `journal`, in which every line about a device begins with its registration id.
    #[must_use]
    pub fn new(config: Config, options: ServiceOptions, store: Store, journal: Journal) -> Arc<Self> {
        let hubs: Vec<&str> = config.hubs.iter().map(|hub| hub.name.as_str()).collect();
        journal.info(format!("id scope {}, linked hubs {}", config.id_scope, hubs.join(", ")));
        for enrollment in config.enrollments.all() {
            let disabled = if enrollment.enabled { "" } else { "disabled, " };
            journal.info(format!("{enrollment}: {disabled}{}", enrollment.policy));
        }
        for warning in &config.warnings {
            journal.warn(format!("configuration: {warning}"));
        }
        let allocator = Allocator::new(&config.enrollments, &options.webhook, &journal);
        let throttle = Throttle::new(options.quota);
        let operations = Operations::default();
        Arc::new(Self { config, options, allocator, operations, throttle, store, journal })
    }

    /// Checks a device's credential. `id_scope` and `registration_id` are those of the MQTT username, as they
    /// stand there, or of the HTTPS path, percent-decoded; `sas` is the MQTT password or the `Authorization`
    /// header.
    ///
    /// # Errors
    ///
    /// The answer for the device, 401002 whatever the reason; the reason is in the journal already, unless
    /// there were too many in this second to write them all.
    pub fn authenticate(
        &self,
        id_scope: &str,
        registration_id: &str,
        sas: Option<&str>,
    ) -> Result<Device, Answer> {
        let found = self.find(id_scope, registration_id, sas);
        found.map_err(|reason| {
            let id = match registration_id {
                "" => "(no registration id)".to_owned(),
                id if registration_id::is_id(id) => id.to_owned(),
                other => quoted(other),
            };
            self.journal.warn(format!("{id}: refused: {reason}"));
            Answer::unauthorized()
        })
    }

    /// Begins a registration: `PUT …/register`, `iotdps-register`. `body` is what the device sent: nothing,
    /// blanks, or a JSON object. Answers 202 at once and allocates in the background; a disabled enrollment
    /// is answered 200. A registration of the device that is under way gives place to this one.
    ///
    /// # Panics
    ///
    /// Must be called within a Tokio runtime.
    pub fn register(self: &Arc<Self>, device: &Device, body: &[u8]) -> Answer {
        let id = &device.registration_id;
        let request = match self.read_request(device, body) {
            Ok(request) => request,
            Err(answer) => return answer,
        };
        if let Err(seconds) = self.throttle.pass() {
            self.journal.warn(format!("{id}: throttled: the quota of this minute is used up"));
            return Answer::throttled(seconds);
        }
        let operation_id = stamp::operation_id();
        if !device.enrollment.enabled {
            self.journal.warn(format!("{id}: disabled, as the {} is", device.enrollment));
            return self.answer(&operation_id, &RegistrationState::disabled(id));
        }
        let previous = self.store.get(id);
        if previous.is_none() && self.store.len() >= self.options.device_limit {
            self.journal.error(format!("{id}: refused: there are {} devices already", self.store.len()));
            return Answer::error(403, 403_000, "The limit of registrations is reached.");
        }
        let attempt = Attempt {
            enrollment: Arc::clone(&device.enrollment),
            registration_id: id.clone(),
            operation_id,
            created: stamp::now(),
            previous,
        };
        self.begin(attempt, request)
    }

    /// How an operation stands: `GET …/operations/{id}`, `iotdps-get-operationstatus`. 202 while it is
    /// under way, then 200, whether the device is assigned or refused.
    pub fn operation_status(&self, device: &Device, operation_id: &str) -> Answer {
        let id = &device.registration_id;
        if let Some(state) = self.operations.poll(&fold(id), operation_id) {
            return self.answer(operation_id, &state);
        }
        match self.store.get(id) {
            Some(kept) if kept.operation_id == operation_id => self.answer(operation_id, &(&*kept).into()),
            _ => {
                let operation_id = quoted(operation_id);
                self.journal.warn(format!("{id}: asks for the unknown operation {operation_id}"));
                Answer::not_found("The operation does not exist, or has expired.")
            }
        }
    }

    /// The device's registration as it stands: `POST …/registrations/{id}`, with the body of a registration.
    pub fn lookup(&self, device: &Device, body: &[u8]) -> Answer {
        let id = &device.registration_id;
        if let Err(answer) = self.read_request(device, body) {
            return answer;
        }
        let newest = self.operations.newest(&fold(id));
        match newest.or_else(|| self.store.get(id).map(|kept| Arc::new((&*kept).into()))) {
            Some(state) => Answer::json(200, None, &*state),
            None => {
                self.journal.info(format!("{id}: asks for its registration, but is not registered"));
                Answer::not_found("The device is not registered.")
            }
        }
    }

    /// Stops the registrations under way. What was acknowledged is kept already.
    pub fn stop(&self) {
        self.operations.stop();
    }

    fn find(&self, id_scope: &str, registration_id: &str, sas: Option<&str>) -> Result<Device, String> {
        if !registration_id::is_id(registration_id) {
            return Err(format!("invalid registration id: {}", registration_id::RULE));
        }
        if !id_scope.eq_ignore_ascii_case(&self.config.id_scope) {
            let served = quoted(&self.config.id_scope);
            return Err(format!("expected the id scope {served}, found {}", quoted(id_scope)));
        }
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        let token = sas.ok_or(SasRefusal::Missing).and_then(SasToken::parse).and_then(|token| {
            token.check(id_scope, registration_id, now)?;
            Ok(token)
        });
        let token = token.map_err(|refusal| refusal.to_string())?;
        let found = matching::find(&self.config.enrollments, &token, registration_id);
        let found = found.map_err(|reason| reason.to_string())?;
        self.journal
            .info(format!("{registration_id}: matches the {}, by its {}", found.enrollment, found.key));
        Ok(Device { registration_id: registration_id.to_owned(), enrollment: found.enrollment })
    }

    fn read_request(&self, device: &Device, body: &[u8]) -> Result<RegistrationRequest, Answer> {
        let id = &device.registration_id;
        let limit = self.options.body_limit;
        if body.len() > limit {
            self.journal.warn(format!(
                "{id}: refused: expected a body of at most {limit} bytes, found {}",
                body.len()
            ));
            return Err(Answer::too_large(limit));
        }
        RegistrationRequest::parse(body, id).map_err(|problem| {
            self.journal.warn(format!("{id}: refused: {problem}"));
            Answer::bad_request(problem)
        })
    }

    /// Opens an operation for `attempt` and has it worked on.
    fn begin(self: &Arc<Self>, attempt: Attempt, request: RegistrationRequest) -> Answer {
        let (id, operation_id) = (attempt.registration_id.clone(), attempt.operation_id.clone());
        let device = fold(&id);
        let superseded = attempt.failed_state(&Failure {
            code: 409_000,
            message: "A newer registration of the device has taken the place of this one.".to_owned(),
        });
        let (assigning, polls) = (attempt.assigning_state(), self.options.assigning_polls);
        match self.operations.open(&device, &operation_id, polls, assigning, superseded) {
            Opened::Alone => {}
            Opened::InPlaceOfAnother => {
                self.journal
                    .warn(format!("{id}: registers while it registers: the earlier operation is stopped"));
            }
            Opened::Refused => {
                self.journal.error(format!("{id}: throttled: too many registrations are under way"));
                return Answer::throttled(self.options.retry_after);
            }
        }
        let before = match &attempt.previous {
            Some(previous) => format!("so far on {}", previous.assigned_hub),
            None => "for the first time".to_owned(),
        };
        self.journal.info(format!(
            "{id}: registers by the {}, {before}, operation {operation_id}",
            attempt.enrollment
        ));
        let service = Arc::clone(self);
        let task = tokio::spawn(async move {
            let state = service.decide(&attempt, &request).await;
            service.operations.decide(&fold(&attempt.registration_id), &attempt.operation_id, state);
        });
        self.operations.attach(&device, &operation_id, task.abort_handle());
        let body =
            OperationStatus { operation_id: &operation_id, status: "assigning", registration_state: None };
        Answer::json(202, Some(self.options.retry_after), &body)
    }

    /// Allocates the device of `attempt` and keeps what came of it: its state from now on.
    async fn decide(&self, attempt: &Attempt, request: &RegistrationRequest) -> RegistrationState {
        let id = &attempt.registration_id;
        let failure = match self.allocator.allocate(attempt, request.payload.as_deref()).await {
            Ok(allocated) => {
                let registration = attempt.assigned(allocated);
                let state = RegistrationState::from(&registration);
                let said = format!(
                    "{id}: assigned to {} as {} ({})",
                    registration.assigned_hub, registration.device_id, registration.substatus
                );
                match self.store.put(registration).await {
                    Ok(()) => {
                        self.journal.info(said);
                        return state;
                    }
                    Err(error) => Failure { code: 500_000, message: error.to_string() },
                }
            }
            Err(failure) => failure,
        };
        self.journal.error(format!("{id}: failed: {} {}", failure.code, failure.message));
        attempt.failed_state(&failure)
    }

    fn answer(&self, operation_id: &str, state: &RegistrationState) -> Answer {
        let body = OperationStatus { operation_id, status: state.status, registration_state: Some(state) };
        match state.status {
            "assigning" => Answer::json(202, Some(self.options.retry_after), &body),
            _ => Answer::json(200, None, &body),
        }
    }
}

// === impl ServiceOptions ===

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            retry_after: 3,
            assigning_polls: 1,
            webhook: WebhookOptions::default(),
            body_limit: 96 * 1024,
            quota: None,
            device_limit: 1_000_000,
        }
    }
}
