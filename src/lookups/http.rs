//! A service of one's own, asked by GET.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use warp::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use warp::http::{StatusCode, Uri};

use super::{Client, Failure, Finding, Identity, Lookup, Mistake, Question, object, text};

/// A URL to GET: 200 with a JSON object is found, 404 is nothing found, and anything else is a failure.
#[derive(Debug)]
pub struct Http {
    /// The URL's text before, between and after its values.
    literals: Vec<String>,
    /// Scheme and host, all that the log says: paths and queries hold secrets.
    origin: String,
    credential: Credential,
    client: Client,
}

/// How the service knows the handler.
#[derive(Debug)]
pub enum Credential {
    /// Not at all, or by something in the URL.
    None,
    /// By a token of the app's managed identity.
    Identity(Identity),
    /// By a header whose value is an app setting.
    Header(SecretHeader),
}

/// A header with a secret value.
pub struct SecretHeader(HeaderName, HeaderValue);

/// What stands in a path or query for itself (<https://www.rfc-editor.org/rfc/rfc3986#section-2.3>).
pub(super) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

// === impl Http ===

impl Http {
    /// A look-up at the URL that begins with the first of `literals` and has a value, percent-encoded, between
    /// each two of them: `["https://devices.contoso.com/", "/allocation"]` takes one value.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] when that is no `http` or `https` URL, or a value could change its host.
    pub fn new(literals: Vec<String>, credential: Credential, client: Client) -> Result<Self, Mistake> {
        let wrong = |words: &'static str| Err(Mistake::new(words));
        let Some((scheme, rest)) = literals.first().and_then(|first| first.split_once("://")) else {
            return wrong("expected a URL that begins with https:// or http://");
        };
        if !["https", "http"].contains(&scheme) {
            return wrong("expected a URL that begins with https:// or http://");
        }
        let Some(end) = rest.find(['/', '?']).or((literals.len() == 1).then_some(rest.len())) else {
            return wrong("a value is allowed in the URL's path or query, not in its host");
        };
        let host = &rest[..end];
        if host.contains('@') {
            return wrong("the URL must not contain a user name or password; use a header");
        }
        if literals.iter().any(|literal| literal.contains('#')) {
            return wrong("the URL must not contain a fragment (#)");
        }
        let origin = format!("{scheme}://{host}");
        let url: Option<Uri> = literals.join("x").parse().ok();
        let authority = url.as_ref().and_then(Uri::authority);
        if authority
            .is_none_or(|authority| authority.port().is_none() && authority.as_str() != authority.host())
        {
            return wrong("the URL is not valid");
        }
        Ok(Self { literals, origin, credential, client })
    }

    /// How many values the URL takes.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.literals.len() - 1
    }

    fn uri(&self, values: &[Value]) -> Result<Uri, Failure> {
        let mut url = String::new();
        let mut values = values.iter();
        for (at, literal) in self.literals.iter().enumerate() {
            if at > 0 {
                let value = values.next().and_then(text).unwrap_or_default();
                // The last two are steps in a path even when they are encoded.
                if ["", ".", ".."].contains(&&*value) {
                    return Err(Failure::new(format!("value {at} of the URL is {value:?}")));
                }
                url.extend(utf8_percent_encode(&value, ENCODED));
            }
            url.push_str(literal);
        }
        url.parse().map_err(|_| Failure::new("the URL is too long"))
    }

    async fn get(&self, question: &Question<'_>) -> super::Outcome {
        let uri = self.uri(question.values)?;
        let header = match &self.credential {
            Credential::None => None,
            Credential::Identity(identity) => Some((AUTHORIZATION, identity.token().await?)),
            Credential::Header(SecretHeader(name, value)) => Some((name.clone(), value.clone())),
        };
        let (status, body) = self.client.get(uri, header).await?;
        match status {
            StatusCode::OK => {
                object(&body).map(Some).map_err(|failure| Failure::new(format!("its answer: {failure}")))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(Failure::new(format!("it answered {}", status.as_u16()))),
        }
    }
}

impl Lookup for Http {
    fn subject(&self) -> String {
        format!("GET {}", self.origin)
    }

    fn find<'a>(&'a self, question: &'a Question<'a>) -> Finding<'a> {
        Box::pin(self.get(question))
    }
}

// === impl SecretHeader ===

impl SecretHeader {
    /// The header `name` with `value`, which is shown nowhere.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] when HTTP does not allow such a name or value.
    pub fn new(name: &str, value: &str) -> Result<Self, Mistake> {
        let name = name.parse().map_err(|_| Mistake::new(format!("{name:?} is not a valid header name")))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Mistake::new("the header's value contains a character that headers do not allow"))?;
        value.set_sensitive(true);
        Ok(Self(name, value))
    }
}

impl fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretHeader").field(&self.0).finish_non_exhaustive()
    }
}
