use std::error::Error;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper_util::rt::TokioIo;
use journal::causes;
use rustls_pki_types::ServerName;
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::device::{Device, escaped};
use crate::endpoint::Endpoint;
use crate::message::{ANSWER_LIMIT, API_VERSION, Answer, Request};
use crate::outcome::Failure;

/// A device's HTTPS connection.
pub(crate) struct Https {
    endpoint: Endpoint,
    /// `/<id scope>/registrations/<registration id>`.
    path: String,
    token: String,
    sender: SendRequest<Full<Bytes>>,
}

impl Https {
    pub(crate) async fn open(device: &Device, endpoint: &Endpoint) -> Result<Self, Failure> {
        let (scope, id) = (escaped(&device.id_scope), escaped(&device.registration_id));
        Ok(Self {
            path: format!("/{scope}/registrations/{id}"),
            token: device.sas_token(OffsetDateTime::now_utc() + time::Duration::HOUR),
            sender: connect(endpoint).await?,
            endpoint: endpoint.clone(),
        })
    }

    /// Sends `request` and reads the answer; connects again first if the service has closed the connection.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(&self.endpoint).await?;
        }
        let (method, path, body) = match request {
            Request::Register(body) => ("PUT", "register".to_owned(), body.clone()),
            Request::Poll(operation) => ("GET", format!("operations/{}", escaped(operation)), String::new()),
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
            .map_err(lost)?;
        let (head, body) = self.sender.send_request(message).await.map_err(lost)?.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(lost)?;
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let (status, retry_after) = (head.status.as_u16(), retry_after.map(str::to_owned));
        Ok(Answer { status, retry_after, body: body.to_bytes().to_vec() })
    }
}

async fn connect(endpoint: &Endpoint) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let host = &endpoint.host.host;
    let name = ServerName::try_from(host.clone()).map_err(lost)?;
    let socket = TcpStream::connect((host.as_str(), endpoint.port())).await.map_err(lost)?;
    let stream = TlsConnector::from(endpoint.tls.clone()).connect(name, socket).await.map_err(lost)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(lost)?;
    // Ends with the connection, which ends with the sender.
    tokio::spawn(connection);
    Ok(sender)
}

fn lost(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
    Failure::Transport(causes(&*error.into()))
}
