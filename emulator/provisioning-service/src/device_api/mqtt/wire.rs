//! A device's connection as packets instead of bytes.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use mqttbytes::v4::Packet;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use super::packet::{self, Malformed};
use crate::device_api::tls::gone;

/// How many bytes are read at a time.
const CHUNK: usize = 2048;

/// How long a device has to close the connection after the service has.
const FAREWELL: Duration = Duration::from_millis(300);

/// The connection to a device, and the bytes of its next packet so far.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TlsStream<TcpStream>,
    buffer: BytesMut,
    /// When the first byte of the next packet came.
    begun: Option<Instant>,
    timeout: Duration,
}

/// Why nothing more arrives from a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It disconnected.
    Gone,
    /// It sent something that is not a packet.
    Malformed(Malformed),
    /// It was too slow, or the connection broke: how.
    Lost(String),
}

// === impl Wire ===

impl Wire {
    /// `timeout` is how long a packet may take from its first to its last byte, either way.
    pub(crate) fn new(stream: TlsStream<TcpStream>, timeout: Duration) -> Self {
        Self { stream, buffer: BytesMut::new(), begun: None, timeout }
    }

    /// The next packet, of at most `limit` bytes; its first byte must come before `idle`, if that is given.
    /// Cancelling it loses nothing.
    pub(crate) async fn receive(&mut self, limit: usize, idle: Option<Instant>) -> Result<Packet, Silence> {
        loop {
            if let Some(packet) = packet::next(&mut self.buffer, limit)? {
                self.begun = (!self.buffer.is_empty()).then(Instant::now);
                return Ok(packet);
            }
            let deadline = self.begun.map(|begun| begun + self.timeout).or(idle);
            self.buffer.reserve(CHUNK);
            let read = tokio::select! {
                read = self.stream.read_buf(&mut self.buffer) => read,
                () = at(deadline) => return Err(Silence::Lost(match self.begun {
                    Some(_) => format!("an incomplete packet after {} s", self.timeout.as_secs_f32()),
                    None => "no packet for one and a half times the keep-alive".to_owned(),
                })),
            };
            match read {
                Ok(0) if self.buffer.is_empty() => return Err(Silence::Gone),
                Ok(0) => return Err(Silence::Lost("disconnected in the middle of a packet".to_owned())),
                Ok(_) => _ = self.begun.get_or_insert_with(Instant::now),
                Err(error) if gone(&error) => return Err(Silence::Gone),
                Err(error) => return Err(Silence::Lost(error.to_string())),
            }
        }
    }

    /// Sends the packet that `write` writes.
    pub(crate) async fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> Result<usize, mqttbytes::Error>,
    ) -> Result<(), Silence> {
        let mut packet = BytesMut::new();
        write(&mut packet).map_err(|error| Silence::Lost(format!("an answer cannot be sent: {error:?}")))?;
        let sent = timeout(self.timeout, async {
            self.stream.write_all(&packet).await?;
            self.stream.flush().await
        });
        match sent.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if gone(&error) => Err(Silence::Gone),
            Ok(Err(error)) => Err(Silence::Lost(error.to_string())),
            Err(_) => {
                Err(Silence::Lost(format!("the device read nothing for {} s", self.timeout.as_secs_f32())))
            }
        }
    }

    /// Closes the connection so that the device still gets what was sent: a connection that is closed with
    /// something unread is reset, and a reset may overtake the last packet.
    pub(crate) async fn close(mut self) {
        let _ = timeout(FAREWELL, async {
            self.stream.shutdown().await?;
            let mut rest = [0; CHUNK];
            while self.stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    }
}

/// Waits until `deadline`, or forever.
pub(crate) async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

// === impl Silence ===

impl From<Malformed> for Silence {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
