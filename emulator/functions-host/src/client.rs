//! The host's side of the connection to the handler.
//!
//! Rules: `DefaultHttpWorkerService.cs` in
//! <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/Http>.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full, Limited};
use hyper::body::{Body, Frame};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::options::Framing;
use journal::causes;

/// The version of the host that the stand-in follows.
pub(super) const HOST_VERSION: &str = "4.1037.0.0";

/// The header that carries the host's version.
pub(super) const VERSION_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-hostversion");

/// The header that carries the invocation id.
pub(super) const INVOCATION_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-invocationid");

/// Longer replies are not read. The real host stops at 2 GB.
pub(super) const REPLY_LIMIT: usize = 100 * 1024 * 1024;

/// How many redirects are followed, as .NET's `HttpClient` does by default.
const REDIRECTS: usize = 50;

/// Connections to the handler, kept for the next call.
#[derive(Clone, Debug)]
pub(super) struct HandlerClient {
    address: SocketAddr,
    client: Client<HttpConnector, Outgoing>,
}

/// A reply, read to its end.
#[derive(Debug)]
pub(super) struct RawReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A body with a length, or one that is sent in chunks.
#[derive(Debug)]
pub(super) struct Outgoing {
    body: Full<Bytes>,
    sized: bool,
}

impl HandlerClient {
    /// A client for the handler at `address`.
    pub(super) fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .http1_title_case_headers(true)
            .build(connector);
        Self { address, client }
    }

    /// Where the handler listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Posts the `envelope` of call `id` to `/<function>`. Redirects within the handler are followed.
    ///
    /// # Errors
    ///
    /// Why there is no reply.
    pub(super) async fn invoke(
        &self,
        function: &str,
        id: Uuid,
        envelope: Bytes,
        framing: Framing,
    ) -> Result<RawReply, String> {
        let mut method = Method::POST;
        let mut path = format!("/{function}");
        for _ in 0..REDIRECTS {
            let with_body = method == Method::POST;
            let mut request = Request::builder()
                .method(&method)
                .uri(self.uri(&path)?)
                .header(VERSION_HEADER, HOST_VERSION)
                .header(INVOCATION_HEADER, id.to_string())
                .header(header::USER_AGENT, format!("Azure-Functions-Host/{HOST_VERSION}"));
            let body = if with_body {
                request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
                Outgoing::new(envelope.clone(), framing)
            } else {
                Outgoing::new(Bytes::new(), Framing::ContentLength)
            };
            let reply = self.send(request.body(body).map_err(|error| error.to_string())?).await?;
            let Some(location) = redirect(&reply) else { return Ok(reply) };
            // As HttpClient: a POST becomes a GET, except after 307 and 308.
            if !matches!(reply.status.as_u16(), 307 | 308) {
                method = Method::GET;
            }
            path = self.local(location)?;
        }
        Err(format!("the handler redirected more than {REDIRECTS} times"))
    }

    /// Sends `request` and reads the reply to its end.
    ///
    /// # Errors
    ///
    /// Why there is no reply.
    pub(super) async fn send(&self, request: Request<Outgoing>) -> Result<RawReply, String> {
        let response = self.client.request(request).await.map_err(|error| causes(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, REPLY_LIMIT)
            .collect()
            .await
            .map_err(|error| format!("The handler's reply broke off: {}", causes(error.as_ref())))?;
        Ok(RawReply { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }

    /// The address of `path` (with its query) on the handler.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(super) fn uri(&self, path: &str) -> Result<Uri, String> {
        format!("http://{}{path}", self.address).parse().map_err(|_| format!("invalid path: {path:?}"))
    }

    /// The path on the handler that `location` means.
    fn local(&self, location: &str) -> Result<String, String> {
        let refused = || {
            format!(
                "the handler redirected to {location:?}, but only redirects to its own paths are followed"
            )
        };
        let path = match location.strip_prefix("http://") {
            Some(rest) => rest.strip_prefix(&self.address.to_string()).ok_or_else(refused)?,
            None if location.starts_with("//") => return Err(refused()),
            None => location,
        };
        let path = path.split('#').next().unwrap_or_default();
        match path {
            "" => Ok("/".to_owned()),
            _ if path.starts_with('/') => Ok(path.to_owned()),
            _ => Err(refused()),
        }
    }
}

impl Outgoing {
    /// `body`, delimited by `framing`.
    pub(super) fn new(body: Bytes, framing: Framing) -> Self {
        Self { body: Full::new(body), sized: framing == Framing::ContentLength }
    }
}

/// Whether something answers `GET /` at `address`: whatever it answers, even if it is not HTTP.
pub(super) async fn probe(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect(address).await else { return false };
    let Ok((mut sender, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await
    else {
        return true;
    };
    let request = Request::builder()
        .uri("/")
        .header(header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .unwrap_or_default();
    tokio::select! {
        _ = sender.send_request(request) => {}
        _ = connection => {}
    }
    true
}

/// Where `reply` redirects to, if it does.
fn redirect(reply: &RawReply) -> Option<&str> {
    matches!(reply.status.as_u16(), 300..=303 | 307 | 308)
        .then(|| reply.headers.get(header::LOCATION).map(HeaderValue::to_str)?.ok())
        .flatten()
}

// === impl Body ===

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        // An empty body without a length is still announced as chunked.
        self.sized && self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        if self.sized { self.body.size_hint() } else { hyper::body::SizeHint::default() }
    }
}
