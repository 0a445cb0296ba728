//! A device's connection as packets instead of bytes.

use std::io;
use std::time::Duration;

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{PacketBuildResult, PacketBuilder};
use mqtt_protocol_core::mqtt::packet::GenericPacketTrait;
use mqtt_protocol_core::mqtt::result_code::MqttError;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::server::TlsStream;

use crate::device_api::mqtt::packet::{Packet, ReadError};
use crate::device_api::tls::disconnected;

/// The longest packet, in bytes: the service's limit for a message is 256 KB.
const PACKET_LIMIT: u32 = 256 * 1024;

/// How long a device has to close the connection after the service has.
const CLOSE: Duration = Duration::from_millis(300);

/// The connection to a device.
pub(crate) struct PacketStream {
    stream: BufReader<TlsStream<TcpStream>>,
    builder: PacketBuilder,
    timeout: Duration,
}

// === impl PacketStream ===

impl PacketStream {
    /// `timeout` is how long a packet may take from its first to its last byte, either way.
    pub(crate) fn new(stream: BufReader<TlsStream<TcpStream>>, timeout: Duration) -> Self {
        Self { stream, builder: PacketBuilder::with_maximum_packet_size(PACKET_LIMIT), timeout }
    }

    /// The next packet. Its first byte must come within `idle`.
    pub(crate) async fn receive(&mut self, idle: Duration) -> Result<Packet, ReadError> {
        let (mut deadline, mut begun) = (Instant::now() + idle, false);
        loop {
            let bytes = timeout_at(deadline, self.stream.fill_buf()).await.map_err(|_| match begun {
                true => failed(format!("an incomplete packet after {} s", self.timeout.as_secs_f32())),
                false => failed("no packet for one and a half times the keep-alive"),
            })??;
            if bytes.is_empty() {
                return Err(ReadError::Disconnected);
            }
            if !begun {
                (deadline, begun) = (Instant::now() + self.timeout, true);
            }
            let (mut cursor, count) = (Cursor::new(bytes), bytes.len());
            let built = self.builder.feed(&mut cursor);
            let read = usize::try_from(cursor.position()).unwrap_or(count);
            self.stream.consume(read);
            match built {
                PacketBuildResult::Complete(raw) => return Packet::parse(&raw),
                PacketBuildResult::Incomplete => {}
                PacketBuildResult::Error(MqttError::PacketTooLarge) => {
                    let expected =
                        format!("expected a packet of at most {PACKET_LIMIT} bytes, found a longer one");
                    return Err(failed(expected));
                }
                PacketBuildResult::Error(error) => {
                    return Err(failed(format!("invalid packet length: {error}")));
                }
            }
        }
    }

    /// Sends `packet`.
    pub(crate) async fn send(
        &mut self,
        packet: Result<impl GenericPacketTrait, MqttError>,
    ) -> Result<(), ReadError> {
        let packet = packet.map_err(|error| failed(format!("an answer cannot be sent: {error}")))?;
        let sent = timeout(self.timeout, async {
            self.stream.write_all(&packet.to_continuous_buffer()).await?;
            self.stream.flush().await
        });
        let seconds = self.timeout.as_secs_f32();
        Ok(sent.await.map_err(|_| failed(format!("the device read nothing for {seconds} s")))??)
    }

    /// Closes the connection so that the device still gets what was sent: a connection that is closed with
    /// something unread is reset, and a reset may overtake the last packet.
    pub(crate) async fn close(mut self) {
        let _ = timeout(CLOSE, async {
            self.stream.shutdown().await?;
            let mut rest = [0; 2048];
            while self.stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    }
}

// === impl ReadError ===

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if disconnected(&error) { Self::Disconnected } else { failed(error.to_string()) }
    }
}

fn failed(why: impl Into<String>) -> ReadError {
    ReadError::Failed(why.into())
}
