//! The app's managed identity: a token for the service that a look-up asks.
//!
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use std::env::VarError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use tokio::time::timeout;
use warp::http::header::{HeaderName, HeaderValue};
use warp::http::{StatusCode, Uri};

use super::http::ENCODED;
use super::{Client, Failure, object};

const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const SECRET: &str = "IDENTITY_HEADER";
/// Which of several user-assigned identities is meant, as Azure's own libraries have it.
const CLIENT_ID: &str = "AZURE_CLIENT_ID";

/// The first token of an app may take longer than a look-up may.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A token that ends so soon is replaced.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// After a failure the endpoint is left alone for so long: all requests of one moment share it.
const PAUSE: Duration = Duration::from_secs(1);

/// Tokens of the managed identity for one audience.
#[derive(Clone)]
pub struct Identity {
    client: Client,
    /// The endpoint's URL and the secret that it asks for; `None` where the app has no identity.
    endpoint: Option<(Uri, HeaderValue)>,
    /// The latest request for a token, under way or done. All that need one wait for the same.
    latest: Arc<Mutex<Option<Shared<BoxFuture<'static, Token>>>>>,
}

/// What a request for a token came to, and until when that holds.
#[derive(Clone)]
struct Token {
    value: Result<HeaderValue, Failure>,
    until: SystemTime,
}

// === impl Identity ===

impl Identity {
    /// The identity of the app whose settings `variable` reads, for a service that expects tokens for `audience`
    /// (such as `api://` and an application id).
    pub fn new(audience: &str, variable: impl Fn(&str) -> Result<String, VarError>, client: Client) -> Self {
        Self { client, endpoint: endpoint(audience, variable), latest: Arc::default() }
    }

    /// A value for the header `Authorization`.
    pub(super) async fn token(&self) -> Result<HeaderValue, Failure> {
        let token = {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            match latest.as_ref() {
                Some(token) if token.peek().is_none_or(|token| SystemTime::now() < token.until) => {
                    token.clone()
                }
                _ => latest.insert(self.request()).clone(),
            }
        };
        token.await.value
    }

    /// Asks for a token in a task of its own: when the look-up that began it is over, the next one needs it.
    fn request(&self) -> Shared<BoxFuture<'static, Token>> {
        let identity = self.clone();
        let fetched = tokio::spawn(async move { timeout(TIMEOUT, identity.fetch()).await });
        async {
            let value = match fetched.await {
                Ok(Ok(fetched)) => fetched,
                Ok(Err(_late)) => Err(Failure::new("no answer")),
                Err(_stopped) => Err(Failure::new("the handler is stopping")),
            };
            value.unwrap_or_else(|reason| Token {
                value: Err(Failure::new(format!("no token of the managed identity: {reason}"))),
                until: SystemTime::now() + PAUSE,
            })
        }
        .boxed()
        .shared()
    }

    async fn fetch(&self) -> Result<Token, Failure> {
        let Some((uri, secret)) = self.endpoint.clone() else {
            return Err(Failure::new("the app has none (IDENTITY_ENDPOINT is not set)"));
        };
        let header = (HeaderName::from_static("x-identity-header"), secret);
        let (status, body) = self.client.get(uri, Some(header)).await?;
        if status != StatusCode::OK {
            return Err(Failure::new(format!("its endpoint answered {}", status.as_u16())));
        }
        token(&body).ok_or(Failure::new("its endpoint gave an unexpected answer"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

// === private ===

fn endpoint(
    audience: &str,
    variable: impl Fn(&str) -> Result<String, VarError>,
) -> Option<(Uri, HeaderValue)> {
    let mut url = variable(ENDPOINT).ok()?;
    let mut secret = HeaderValue::from_str(&variable(SECRET).ok()?).ok()?;
    secret.set_sensitive(true);
    url.push_str("?api-version=2019-08-01&resource=");
    url.extend(utf8_percent_encode(audience, ENCODED));
    if let Ok(id) = variable(CLIENT_ID) {
        url.push_str("&client_id=");
        url.extend(utf8_percent_encode(&id, ENCODED));
    }
    Some((url.parse().ok()?, secret))
}

fn token(body: &[u8]) -> Option<Token> {
    let answer = object(body).ok()?;
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", answer.get("access_token")?.as_str()?)).ok()?;
    value.set_sensitive(true);
    // A number of seconds since 1970, which the endpoint writes as a text.
    let expires = match answer.get("expires_on")? {
        Value::String(seconds) => seconds.parse().ok()?,
        seconds => seconds.as_u64()?,
    };
    let until = UNIX_EPOCH.checked_add(Duration::from_secs(expires))? - MARGIN;
    Some(Token { value: Ok(value), until })
}
