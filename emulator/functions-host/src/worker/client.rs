//! The host's side of the connections to the handler.
//! Rules: `DefaultHttpWorkerService.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use journal::causes;
use uuid::Uuid;

use crate::options::Framing;

/// The version of the host that the stand-in follows.
pub(crate) const HOST_VERSION: HeaderValue = HeaderValue::from_static("4.1037.0.0");
pub(crate) const USER_AGENT: &str = "Azure-Functions-Host/4.1037.0.0";
pub(crate) const VERSION_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-hostversion");
pub(crate) const INVOCATION_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-invocationid");

/// Longer replies are not read. The real host stops at 2 GB.
const REPLY_LIMIT: usize = 100 * 1024 * 1024;
/// How many redirects are followed, as .NET's `HttpClient` does by default.
const REDIRECTS: usize = 50;
/// The chunks that .NET's `HttpClient` cuts the envelope into.
const CHUNK: usize = 0x400;

/// A body that is sent, to the handler or to a caller.
pub(crate) type Body = BoxBody<Bytes, Box<dyn Error + Send + Sync>>;

#[derive(Clone, Debug)]
pub(crate) struct HandlerClient {
    pub(crate) address: SocketAddr,
    client: Client<HttpConnector, Body>,
}

/// A response with its whole body: the handler's reply, or the answer to a caller (see `invocation::answer`).
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl HandlerClient {
    /// A client for the handler at `address`. It may keep the callers' spelling of headers.
    pub(crate) fn new(address: SocketAddr, keeps_spelling: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .http1_title_case_headers(true)
            .http1_preserve_header_case(keeps_spelling)
            .build(connector);
        Self { address, client }
    }

    /// Whether something answers `GET /`: with any status, or with something that is not HTTP.
    pub(crate) async fn is_answered(&self) -> bool {
        let mut request = Request::new(framed(Bytes::new(), Framing::ContentLength));
        *request.uri_mut() = self.uri("/").unwrap_or_default();
        match self.client.request(request).await {
            // Read to its end, so that the connection serves the first call as well.
            Ok(response) => {
                let _ = Limited::new(response.into_body(), REPLY_LIMIT).collect().await;
                true
            }
            Err(error) => !error.is_connect(),
        }
    }

    /// Sends `request` and gives the reply's head.
    pub(crate) async fn stream(&self, request: Request<Body>) -> Result<Response<Incoming>, String> {
        self.client.request(request).await.map_err(|error| causes(&error))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Answer, String> {
        let (parts, body) = self.stream(request).await?.into_parts();
        let body = Limited::new(body, REPLY_LIMIT)
            .collect()
            .await
            .map_err(|error| format!("The handler's reply broke off: {}", causes(error.as_ref())))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }

    /// Posts the `envelope` of call `id` to `path`, delimited by `framing`. Redirects within the handler are followed.
    pub(crate) async fn post(
        &self,
        mut path: String,
        id: Uuid,
        envelope: Bytes,
        framing: Framing,
    ) -> Result<Answer, String> {
        let mut method = Method::POST;
        for _ in 0..REDIRECTS {
            let mut request = Request::builder()
                .method(&method)
                .uri(self.uri(&path)?)
                .header(header::HOST, self.address.to_string())
                .header(VERSION_HEADER, HOST_VERSION)
                .header(INVOCATION_HEADER, id.to_string())
                .header(header::USER_AGENT, USER_AGENT);
            let body = if method == Method::POST {
                request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
                framed(envelope.clone(), framing)
            } else {
                framed(Bytes::new(), Framing::ContentLength)
            };
            let reply = self.send(request.body(body).map_err(|error| error.to_string())?).await?;
            let is_redirect = matches!(reply.status.as_u16(), 300..=303 | 307 | 308);
            let location = reply.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location.filter(|_| is_redirect) else { return Ok(reply) };
            let own = location.strip_prefix(&format!("http://{}", self.address)).unwrap_or(location);
            path = own.split('#').next().unwrap_or_default().to_owned();
            if !path.starts_with('/') || path.starts_with("//") {
                return Err(format!(
                    "the handler redirected to {location:?}, but only redirects to its own paths are followed"
                ));
            }
            // As HttpClient: a POST becomes a GET, except after 307 and 308.
            if !matches!(reply.status.as_u16(), 307 | 308) {
                method = Method::GET;
            }
        }
        Err(format!("the handler redirected more than {REDIRECTS} times"))
    }

    pub(crate) fn uri(&self, path: &str) -> Result<Uri, String> {
        format!("http://{}{path}", self.address).parse().map_err(|_| format!("invalid path: {path:?}"))
    }
}

pub(crate) fn framed(body: Bytes, framing: Framing) -> Body {
    match framing {
        Framing::ContentLength => Full::new(body).map_err(|never| match never {}).boxed(),
        // A stream has no length.
        Framing::Chunked => {
            let starts = (0..body.len()).step_by(CHUNK);
            let chunks = starts.map(move |from| body.slice(from..body.len().min(from + CHUNK)));
            StreamBody::new(stream::iter(chunks.map(|chunk| Ok(Frame::data(chunk))))).boxed()
        }
    }
}
