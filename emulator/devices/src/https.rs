use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::answer::Answer;
use super::connection::{LARGEST, Request};
use super::{API_VERSION, Device, Endpoint, Failure, sas};

/// A device's HTTPS connection.
pub(super) struct Https {
    endpoint: Endpoint,
    /// `/<id scope>/registrations/<registration id>`.
    path: String,
    token: String,
    sender: SendRequest<Full<Bytes>>,
}

impl Https {
    /// Connects.
    pub(super) async fn open(device: &Device, endpoint: &Endpoint) -> Result<Self, Failure> {
        let (scope, id) = (sas::escaped(&device.id_scope), sas::escaped(&device.registration_id));
        Ok(Self {
            path: format!("/{scope}/registrations/{id}"),
            token: sas::token(device),
            sender: connect(endpoint).await?,
            endpoint: endpoint.clone(),
        })
    }

    /// Sends `request` and reads the answer; connects again first if the service has closed the connection.
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(&self.endpoint).await?;
        }
        let (method, path, body) = match request {
            Request::Register(body) => ("PUT", "register".to_owned(), body.clone()),
            Request::Poll(operation) => {
                ("GET", format!("operations/{}", sas::escaped(operation)), String::new())
            }
        };
        let message = hyper::Request::builder()
            .method(method)
            .uri(format!("{}/{path}?api-version={API_VERSION}", self.path))
            .header(HOST, self.endpoint.host.to_string())
            .header(USER_AGENT, concat!("dps-emulator/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header(AUTHORIZATION, &self.token)
            .body(Full::from(body))
            .map_err(broken)?;
        let answer = self.sender.send_request(message).await.map_err(broken)?;
        let status = answer.status().as_u16();
        let retry_after =
            answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(broken)?;
        Ok(Answer { status, retry_after, body: body.to_bytes().to_vec() })
    }
}

async fn connect(endpoint: &Endpoint) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let host = &endpoint.host.host;
    let name = ServerName::try_from(host.clone()).map_err(broken)?;
    let socket = TcpStream::connect((host.as_str(), endpoint.port())).await.map_err(broken)?;
    let stream = TlsConnector::from(endpoint.tls.clone()).connect(name, socket).await.map_err(broken)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with the connection, which ends with the sender.
    tokio::spawn(connection);
    Ok(sender)
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    let error = error.into();
    let mut text = error.to_string();
    // hyper's own message says little; the cause says what happened.
    if let Some(cause) = error.source() {
        text = format!("{text}: {cause}");
    }
    Failure::Transport(text)
}
