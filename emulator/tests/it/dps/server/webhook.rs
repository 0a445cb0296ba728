//! A webhook that answers what it is told, also while devices register, and can be made to wait.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::HUB;

/// A webhook that answers each call with the next of its answers, and the last of them forever.
pub(crate) struct Webhook {
    pub(crate) address: SocketAddr,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    calls: Arc<Mutex<Vec<String>>>,
    /// A call is answered once it has one of these.
    gate: Arc<Semaphore>,
    server: AbortHandle,
}

impl Webhook {
    pub(super) async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let assigned = format!(r#"{{"iotHubHostName":"{HUB}"}}"#);
        let answers = Arc::new(Mutex::new(VecDeque::from([(200, assigned)])));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let (told, seen, open) = (answers.clone(), calls.clone(), gate.clone());
        let server = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = socket.accept().await else { continue };
                tokio::spawn(Self::serve(stream, told.clone(), seen.clone(), open.clone()));
            }
        });
        Self { address, answers, calls, gate, server: server.abort_handle() }
    }

    async fn serve(
        stream: TcpStream,
        answers: Arc<Mutex<VecDeque<(u16, String)>>>,
        calls: Arc<Mutex<Vec<String>>>,
        gate: Arc<Semaphore>,
    ) {
        use http_body_util::BodyExt as _;
        use hyper::body::Incoming;
        use hyper::{Request, Response};
        let service = hyper::service::service_fn(|request: Request<Incoming>| {
            let (answers, calls, gate) = (answers.clone(), calls.clone(), gate.clone());
            async move {
                let body = request.into_body().collect().await?.to_bytes();
                calls.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
                gate.acquire().await.unwrap().forget();
                let (status, body) = {
                    let mut answers = answers.lock().unwrap();
                    let last = answers.len() == 1;
                    if last { answers[0].clone() } else { answers.pop_front().unwrap() }
                };
                let response = Response::builder().status(status).header("content-type", "application/json");
                Ok::<_, hyper::Error>(response.body(body).unwrap())
            }
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    }

    /// What the next calls are answered; the last one goes for all later ones.
    pub(crate) fn answers<const N: usize>(&self, answers: [(u16, &str); N]) {
        *self.answers.lock().unwrap() = answers.map(|(status, body)| (status, body.to_owned())).into();
    }

    /// Lets calls wait until [`Webhook::release`].
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(1_000_000);
    }

    /// The bodies of all calls so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.server.abort();
    }
}
