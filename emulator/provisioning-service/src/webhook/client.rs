//! How a webhook is called: one call at a time for a device, and its retries.
//!
//! <https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies#troubleshooting-custom-allocation-policies>

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use journal::{Journal, Level, causes, shown};
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::registration::record::{Allocated, Failure};
use crate::webhook::reply::{FAILED, judge, own_words};

/// Characters of an answer's body that are put in the log.
const SHOWN: usize = 2_000;
/// How long a connection without a call is kept.
const IDLE: Duration = Duration::from_secs(30);
/// An answer slower than this is warned of.
const SLOW: Duration = Duration::from_secs(5);

/// How webhooks are called.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// How long one call may take. The real service's limit is not documented; 30 seconds here.
    pub timeout: Duration,
    /// How often a call is repeated after a status of 429 or above, or no answer: 10 times.
    pub retries: u32,
    /// The pause before the first repetition: 1 second.
    pub first_pause: Duration,
    /// How much longer each further pause is than the one before: 9 seconds.
    pub pause_growth: Duration,
    /// Calls at once for one enrollment. Further devices wait for their turn. 64.
    pub concurrency: usize,
    /// Bytes of an answer's body that are read: 96 KiB, the service's limit for a message.
    pub answer_limit: usize,
}

/// What came of one call: status, and body unless it was longer than is read; or why no whole answer came.
type Reply = Result<(u16, Option<Bytes>), String>;

/// The webhook of one enrollment.
#[derive(Debug)]
pub(crate) struct Webhook {
    uri: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    options: WebhookOptions,
    turns: Semaphore,
    journal: Journal,
}

impl Webhook {
    /// The webhook at `uri`: HTTP/1.1, and TLS against the public certificate authorities. Redirects are answers like
    /// any other, not followed.
    pub(crate) fn new(uri: Uri, options: WebhookOptions, journal: Journal) -> Self {
        #[expect(clippy::expect_used, reason = "ring knows the default protocol versions")]
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .expect("ring knows the default protocol versions")
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        let turns = Semaphore::new(options.concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Self { uri, client, options, turns, journal }
    }

    /// Asks which of `linked_hubs` the device is assigned to. `body` is the allocation request as JSON, and `kept` the
    /// hub that the device keeps whatever the answer is.
    ///
    /// An answer with status 429 or above, or none, is asked for again after pauses that grow; a device
    /// whose turn has not come, or that is in a pause, holds up no other.
    pub(crate) async fn ask(
        &self,
        registration_id: &str,
        body: &Bytes,
        linked_hubs: &[&str],
        kept: Option<&str>,
    ) -> Result<Allocated, Failure> {
        let mut pause = self.options.first_pause;
        let mut attempt = 1;
        loop {
            let reply = self.attempt(registration_id, attempt, body).await;
            let mut remarks = Vec::new();
            let (outcome, again) = match &reply {
                Ok((status, body)) => {
                    let outcome = judge(*status, body.as_deref(), linked_hubs, kept, &mut remarks);
                    (outcome, *status >= 429)
                }
                Err(_) => (own_words(FAILED, "the webhook gave no answer"), true),
            };
            for remark in remarks {
                self.journal.warn(format!("{registration_id}: {remark}"));
            }
            if !again || attempt > self.options.retries {
                return outcome;
            }
            self.journal.info(format!(
                "{registration_id}: the webhook is asked again in {} ms, as attempt {} of {}",
                pause.as_millis(),
                attempt + 1,
                self.options.retries.saturating_add(1),
            ));
            tokio::time::sleep(pause).await;
            pause = pause.saturating_add(self.options.pause_growth);
            attempt += 1;
        }
    }

    /// Calls once, when it is this device's turn, and logs the outcome.
    async fn attempt(&self, registration_id: &str, attempt: u32, body: &Bytes) -> Reply {
        let _turn = self.turns.acquire().await;
        let started = Instant::now();
        let called = timeout(self.options.timeout, self.call(body.clone())).await;
        let reply = called
            .unwrap_or_else(|_| Err(format!("timed out after {} ms", self.options.timeout.as_millis())));
        let elapsed = started.elapsed();
        let ms = elapsed.as_millis();
        let (level, what) = match &reply {
            Ok((status, body)) => {
                let level = if *status == 200 { Level::Information } else { Level::Warning };
                let body = match body {
                    Some(body) => shown(&self.without_key(&String::from_utf8_lossy(body)), SHOWN),
                    None => format!("(more than {} bytes)", self.options.answer_limit),
                };
                (level, format!("answered {status} after {ms} ms: {body}"))
            }
            Err(why) => (Level::Error, format!("gave no answer after {ms} ms: {why}")),
        };
        self.journal.say(level, format!("{registration_id}: webhook attempt {attempt} {what}"));
        if elapsed > SLOW {
            self.journal.warn(format!(
                "{registration_id}: the webhook took {ms} ms; how long the real service waits is not documented"
            ));
        }
        reply
    }

    async fn call(&self, body: Bytes) -> Reply {
        let request = Request::post(&self.uri).header(CONTENT_TYPE, "application/json; charset=utf-8");
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| causes(&error))?;
        let status = answer.status().as_u16();
        match Limited::new(answer.into_body(), self.options.answer_limit).collect().await {
            Ok(body) => Ok((status, Some(body.to_bytes()))),
            Err(error) if error.is::<LengthLimitError>() => Ok((status, None)),
            Err(error) => Err(causes(&*error)),
        }
    }

    /// `text`, which the webhook wrote, without the function's key, should it repeat its own URL. Keys are in
    /// `code` (Functions) and `sig` (Logic Apps).
    fn without_key(&self, text: &str) -> String {
        let fields = self.uri.query().unwrap_or_default().split('&');
        let keys = fields.filter_map(|field| field.strip_prefix("code=").or(field.strip_prefix("sig=")));
        keys.filter(|key| !key.is_empty()).fold(text.to_owned(), |text, key| {
            let decoded = percent_decode_str(key).decode_utf8_lossy();
            text.replace(key, "****").replace(&*decoded, "****")
        })
    }
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            retries: 10,
            first_pause: Duration::from_secs(1),
            pause_growth: Duration::from_secs(9),
            concurrency: 64,
            answer_limit: 96 * 1024,
        }
    }
}
