//! The HTTP client of look-ups: GET, with and without TLS. It follows no redirect, goes through no proxy, and reads
//! no more than a bounded answer.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;
use warp::http::header::{ACCEPT, HeaderName, HeaderValue, USER_AGENT};
use warp::http::{Request, StatusCode, Uri};
use warp::hyper::body::Bytes;

use super::Failure;
use super::network::{self, Network, Unresolved};

/// The largest answer that is read, in bytes: ten times what DPS takes as an initial twin.
const ANSWER: usize = 1024 * 1024;

/// Connections are kept for so long; Azure forgets idle ones after four minutes without telling either end.
const IDLE: Duration = Duration::from_secs(60);

/// A connection that takes longer is given up, even if nobody waits for it any more.
const CONNECT: Duration = Duration::from_secs(10);

/// An HTTP client with a pool of connections. Clones share it.
#[derive(Clone)]
pub struct Client(Arc<Pooled<HttpsConnector<HttpConnector<Names>>, Empty<Bytes>>>);

/// Host names become addresses by [`Network`].
#[derive(Clone)]
struct Names(Network);

// === impl Client ===

impl Client {
    /// A client that reaches its servers through `network`.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Names(network.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(network.tls())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let mut builder = Pooled::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
        Self(Arc::new(builder.build(connector)))
    }

    /// Sends a GET, and reads the answer whole.
    pub(super) async fn get(
        &self,
        uri: Uri,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(env!("CARGO_PKG_NAME")));
        headers.extend(header);
        let response =
            self.0.request(request).await.map_err(|error| Failure::new(network::reason(&error)))?;
        let (head, body) = response.into_parts();
        match Limited::new(body, ANSWER).collect().await {
            Ok(body) => Ok((head.status, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::new("its answer is too large")),
            Err(error) => Err(Failure::new(network::reason(&*error))),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

// === impl Names ===

impl Service<Name> for Names {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolved>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let network = self.0.clone();
        Box::pin(async move {
            let addresses = network.addresses(name.as_str()).await?;
            // The port is put in by the connector.
            let addresses: Vec<_> =
                addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(addresses.into_iter())
        })
    }
}
