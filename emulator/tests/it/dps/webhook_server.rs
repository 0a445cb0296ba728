//! A webhook that answers what a test tells it to, and keeps what it was sent.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One answer: after `delay`, `status` and `body`.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) delay: Duration,
}

/// One request: its head and its body.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// `POST /path?query content-type`.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The server. It ends with the test's runtime.
pub(crate) struct WebhookServer {
    port: u16,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl ToString) -> Self {
        Self { status, body: body.to_string(), delay: Duration::ZERO }
    }

    /// 200 with `hub`.
    pub(crate) fn hub(hub: &str) -> Self {
        Self::new(200, json!({"iotHubHostName": hub}))
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

impl WebhookServer {
    /// Answers the nth request with the nth of `replies`, and the rest as the last.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let replies = Arc::new(replies);
        let kept = Arc::clone(&sent);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, replies) = (Arc::clone(&kept), Arc::clone(&replies));
                let service =
                    service_fn(move |request| answer(request, Arc::clone(&kept), Arc::clone(&replies)));
                // A client that goes away is the client's affair.
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { port, sent }
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/HttpTrigger1?code=s3cret%2Bkey", self.port)
    }

    /// Members of an enrollment whose policy is this webhook.
    pub(crate) fn policy(&self) -> Value {
        custom(&self.url())
    }
}

/// Members of an enrollment whose policy is the webhook at `url`.
pub(crate) fn custom(url: &str) -> Value {
    json!({
        "allocationPolicy": "custom",
        "customAllocationDefinition": {"webhookUrl": url, "apiVersion": "2021-10-01"},
    })
}

async fn answer(
    request: Request<Incoming>,
    sent: Arc<Mutex<Vec<Sent>>>,
    replies: Arc<Vec<Reply>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let head = format!(
        "{} {} {}",
        request.method(),
        request.uri(),
        request.headers()["content-type"].to_str().unwrap()
    );
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let nth = {
        let mut sent = sent.lock().unwrap();
        sent.push(Sent { head, body: String::from_utf8(body.to_vec()).unwrap() });
        sent.len() - 1
    };
    let reply = replies.get(nth).or(replies.last()).unwrap().clone();
    tokio::time::sleep(reply.delay).await;
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = reply.status.try_into().unwrap();
    if (300..400).contains(&reply.status) {
        response.headers_mut().insert("location", "/elsewhere".parse().unwrap());
    }
    Ok(response)
}
